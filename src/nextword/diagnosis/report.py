"""Facts, measurements and problems together."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from nextword.architecture import Architecture
from nextword.diagnosis.measurements import Measurements, measure
from nextword.machine.facts import Facts, gather_facts
from nextword.machine.problems import Problem, find_problems
from nextword.storage.cache import cache_root
from nextword.training.config import RunConfig, training_memory_bytes

_VOCABULARY_SIZE = 10_000


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `nextword doctor` found.

    Attributes:
        preset: The preset that it had in mind.
        facts: What machine and framework are.
        lstm_path: What runs the LSTM recurrence; `None` where the framework cannot be used.
        measurements: What was measured; `None` where it was not asked for or is not possible.
        problems: What to repair.
    """

    preset: str
    facts: Facts
    lstm_path: str | None
    measurements: Measurements | None
    problems: tuple[Problem, ...]

    def to_table(self) -> dict[str, Any]:
        """Return the report as a table for JSON; memory in bytes, speeds in operations or words a second."""
        return {
            "preset": self.preset,
            **asdict(self.facts),
            "lstm_path": self.lstm_path,
            "measurements": self.measurements and self.measurements.to_table(),
            "problems": [asdict(problem) for problem in self.problems],
        }


def diagnose(preset: str, *, measuring: bool = True, say: Callable[[str], None] = lambda _what: None) -> Report:
    """Look at the machine and the framework, and measure where asked and possible.

    Args:
        preset: What to train in the measurement.
        measuring: Whether to measure; about a quarter of a minute, half of it compiling.
        say: Is told what is being measured.

    Raises:
        SettingError: There is no preset of that name.

    Example:
        >>> diagnose("quick", measuring=False).facts.capacity.cores >= 1
        True
    """
    config = RunConfig.of(preset)
    architecture = Architecture.from_table({"vocabulary_size": _VOCABULARY_SIZE, **config.model})
    facts = gather_facts(training_memory_bytes(architecture, config.batching), cache_root())
    usable = facts.framework.usable
    measurements = measure(config, facts.framework.backend, say) if measuring and usable else None
    return Report(
        preset=preset,
        facts=facts,
        lstm_path=_lstm_path() if usable else None,  # only now: on a GPU, training chooses it
        measurements=measurements,
        problems=find_problems(facts),
    )


def _lstm_path() -> str:
    from nextword.ops.lstm import lstm_path

    return lstm_path()
