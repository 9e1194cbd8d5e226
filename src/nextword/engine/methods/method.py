"""The interface of a method after training: a name, settings, and an engine around an inner engine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from nextword.engine.engine import Engine
from nextword.settings import Settings
from nextword.text.batching.window import TokenIds


@dataclass(frozen=True)
class Splits:
    """The splits that a method may read, loaded on demand; the evaluated split is not among them.

    Attributes:
        train: Returns the ids of the training split.
        valid: Returns the ids of the validation split, to tune settings on.
    """

    train: Callable[[], TokenIds]
    valid: Callable[[], TokenIds]


class AppliedMethod[Options: Settings](NamedTuple):
    """A method applied to an engine.

    Attributes:
        engine: The outer engine.
        options: The settings, including tuned values.
    """

    engine: Engine
    options: Options


class Method[Options: Settings](ABC):
    """Base class of a method that changes the predictions of a model, but not its stored weights.

    Attributes:
        name: Name of the method.
        options_type: Class of its settings.
        tunable: Names of the settings that can be tuned on the validation split.
        is_innermost: Whether it must be applied to the model itself: to each member of an ensemble.
        learns: Whether it learns from the text that it reads; then the score of a line depends on earlier lines.
    """

    name: ClassVar[str]
    options_type: ClassVar[type[Settings]]
    tunable: ClassVar[tuple[str, ...]] = ()
    is_innermost: ClassVar[bool] = False
    learns: ClassVar[bool] = False

    @abstractmethod
    def apply(
        self, engine: Engine, options: Options, splits: Splits, to_tune: Collection[str]
    ) -> AppliedMethod[Options]:
        """Return an engine around `engine`.

        Args:
            engine: The inner engine.
            options: The settings.
            splits: The splits that the method may read.
            to_tune: Names of the settings to tune on the validation split first.

        Raises:
            SettingError: The method does not work with this engine.
        """
