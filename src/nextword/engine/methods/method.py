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
    """The splits that a method may read, loaded on demand; the evaluated split is not among them."""

    train: Callable[[], TokenIds]  # returns the ids of the training split
    valid: Callable[[], TokenIds]  # returns the ids of the validation split, to tune settings on


class AppliedMethod[Options: Settings](NamedTuple):
    """A method applied to an engine."""

    engine: Engine
    options: Options  # the settings, including tuned values


class Method[Options: Settings](ABC):
    """Base class of a method that changes the predictions of a model, but not its stored weights."""

    name: ClassVar[str]
    options_type: ClassVar[type[Settings]]
    tunable: ClassVar[tuple[str, ...]] = ()  # names of the settings that can be tuned on the validation split
    is_innermost: ClassVar[bool] = False  # whether it is applied to the model itself: to each member of an ensemble
    learns: ClassVar[bool] = False  # whether the score of a line depends on earlier lines

    @abstractmethod
    def apply(
        self, engine: Engine, options: Options, splits: Splits, to_tune: Collection[str]
    ) -> AppliedMethod[Options]:
        """Return an engine around `engine`; settings of the names in `to_tune` are first tuned on the validation split.

        Raises:
            SettingError: The method does not work with this engine.
        """
