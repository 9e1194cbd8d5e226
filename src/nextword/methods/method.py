"""What every method is: a name, settings, and a way to put an engine around an engine."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from nextword.batching.window import TokenIds
from nextword.engine.engine import Engine
from nextword.settings import Settings


@dataclass(frozen=True)
class Splits:
    """The splits that a method may read, each when it is asked for; the one to be evaluated is not among them.

    Attributes:
        train: Returns the ids of the text that the model was trained on.
        valid: Returns the ids that settings are tuned on.
    """

    train: Callable[[], TokenIds]
    valid: Callable[[], TokenIds]


class Applied[Options: Settings](NamedTuple):
    """A method at work.

    Attributes:
        engine: The engine around the engine.
        options: Its settings, with the tuned ones as they were found.
    """

    engine: Engine
    options: Options


class Method[Options: Settings](ABC):
    """A way to change the predictions of a model without touching its stored weights.

    Attributes:
        name: What it is called.
        kind: Its settings.
        tunable: Names of those that can be found on the validation split.
        is_innermost: Whether it goes around the model itself and nothing else: around each member of an ensemble.
        learns: Whether it learns from the text that it reads, so that lines depend on those before.
    """

    name: ClassVar[str]
    kind: ClassVar[type[Settings]]
    tunable: ClassVar[tuple[str, ...]] = ()
    is_innermost: ClassVar[bool] = False
    learns: ClassVar[bool] = False

    @abstractmethod
    def apply(self, engine: Engine, options: Options, splits: Splits, to_tune: Collection[str]) -> Applied[Options]:
        """Put an engine around `engine`.

        Args:
            engine: What the method goes around.
            options: Settings of its kind.
            splits: What may be read.
            to_tune: Names of tunable settings that are to be found on the validation split first.

        Raises:
            SettingError: The method does not go with this engine.
        """
