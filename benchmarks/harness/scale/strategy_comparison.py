"""The strategies beside one process: how fast, how much of it the forecast knew, and how good the model becomes."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from harness.scale.forecast_check import ForecastCheck, check_forecasts
from harness.scale.network_speed import NetworkSpeed
from harness.scale.strategies import (
    HEADER,
    StrategyFigures,
    StrategyWork,
    describe,
    efficiency_by_strategy,
    measure_strategies,
    measure_strategy,
    places_of,
)
from harness.scale.training_group import TrainingGroup, rounds_of
from nextword.training.cluster.group import Strategy

_COUNTS = (1, 2, 4)
_EPOCHS = 1.0
_ROUND_STEPS = (100, 50)


@dataclass(frozen=True, kw_only=True)
class TimedQuality:
    """What a run reaches in a time.

    Attributes:
        strategy: Its strategy; `one-process` for a run without one.
        processes: Number of processes, each on a core of its own.
        round_steps: Steps of a round, after which `local-steps` exchanges.
        epochs: How often it read the text.
        seconds: Its time with validation, without the start of the process and the last evaluation.
        valid_perplexity: The best of its rounds.
    """

    strategy: str
    processes: int
    round_steps: int
    epochs: float
    seconds: float
    valid_perplexity: float


@dataclass(frozen=True, kw_only=True)
class StrategyComparison:
    """All that is measured of strategies on this machine.

    Attributes:
        figures: Words per second by strategy and number of processes.
        forecasts: The forecast beside them.
        qualities: Perplexity of one process and of two with local steps in the same time.
        loopback: The network between the processes.
        speeds: Words per second of one process on one core while all cores compute, by batch size: what the forecasts
            are computed from.
    """

    figures: list[StrategyFigures]
    forecasts: list[ForecastCheck]
    qualities: list[TimedQuality]
    loopback: NetworkSpeed
    speeds: dict[int, float]

    @classmethod
    def measure(cls, *, quality: bool, timeout: float, say: Callable[[str], None]) -> Self:
        """Measure on the cores of this process.

        Args:
            quality: Whether to compare perplexities too.
            timeout: Seconds to wait for one run.
            say: Receives what is being done.

        Raises:
            PeerError: A process failed.
        """
        cores = sorted(os.sched_getaffinity(0))
        work = StrategyWork()
        loopback = NetworkSpeed.between(places_of(2, cores))
        figures = measure_strategies(work, _COUNTS, cores, timeout=timeout, say=say)
        shares = dict[int, float]()
        for count in _COUNTS:
            say(f"a process with batches of {work.batch_size // count} on each core")
            shares[work.batch_size // count] = _speed_of_share(work, work.batch_size // count, cores, timeout)
        forecasts = check_forecasts(work, figures[1:], shares, gbps=loopback.gbps, latency_ms=loopback.latency_ms)
        qualities = _qualities(figures, cores, timeout=timeout, say=say) if quality and len(cores) > 1 else []
        return cls(figures=figures, forecasts=forecasts, qualities=qualities, loopback=loopback, speeds=shares)

    def describe(self) -> str:
        """Return the figures as lines of text."""
        return "\n".join(
            [
                f"loopback: {self.loopback.gbps:.1f} Gb/s, {self.loopback.latency_ms:.3f} ms",
                HEADER,
                *map(describe, self.figures),
                "",
                "strategy        n  network      predicted   measured  error",
                *(each.describe() for each in self.forecasts),
                "",
                "strategy        n  steps  epochs  seconds  valid perplexity",
                *(
                    f"{each.strategy:<14}{each.processes:3}{each.round_steps:7}{each.epochs:8.2f}{each.seconds:9.1f}"
                    f"{each.valid_perplexity:18.2f}"
                    for each in self.qualities
                ),
            ]
        )

    def to_table(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "efficiency": efficiency_by_strategy(self.figures),
            "strategies": [each.to_table() for each in self.figures],
            "forecasts": [each.to_table() for each in self.forecasts],
            "qualities": [asdict(each) for each in self.qualities],
            "loopback": asdict(self.loopback),
            "speeds": self.speeds,
        }


def _speed_of_share(work: StrategyWork, batch_size: int, cores: Sequence[int], timeout: float) -> float:
    """Return the words per second of a process on one core while all cores compute: they share the memory."""
    own, places = replace(work, batch_size=batch_size), places_of(len(cores), cores)
    strategy: Strategy | None = "population" if len(cores) > 1 else None
    return measure_strategy(own, strategy, places, cores=len(cores), timeout=timeout).words_per_s / len(cores)


def _qualities(
    figures: Sequence[StrategyFigures], cores: Sequence[int], *, timeout: float, say: Callable[[str], None]
) -> list[TimedQuality]:
    """Train one process, and two with local steps on as many more words as they train on in the same time."""
    one = figures[0].words_per_s
    pair = next(each for each in figures if each.strategy == "local-steps" and each.processes == 2)
    say("the perplexity of one process")
    found = [_trained(None, 1, _ROUND_STEPS[0], _EPOCHS, cores, timeout)]
    for round_steps in _ROUND_STEPS:
        say(f"the perplexity of local-steps in the same time, {round_steps} steps a round")
        epochs = _EPOCHS * pair.words_per_s / one
        found.append(_trained("local-steps", 2, round_steps, epochs, cores, timeout))
    return found


def _trained(
    strategy: Strategy | None, processes: int, round_steps: int, epochs: float, cores: Sequence[int], timeout: float
) -> TimedQuality:
    with TemporaryDirectory(prefix="scale-quality-") as name:
        run = Path(name) / "run"
        arguments = StrategyWork(round_steps=round_steps).arguments(run, epochs)
        with TrainingGroup(arguments, places_of(processes, cores), Path(name), strategy=strategy) as group:
            group.finish(timeout)
        rounds = rounds_of(run)
    return TimedQuality(
        strategy=strategy or "one-process",
        processes=processes,
        round_steps=round_steps,
        epochs=round(epochs, 3),
        seconds=round(rounds[-1]["seconds"], 1),
        valid_perplexity=round(min(each["valid_perplexity"] for each in rounds), 2),
    )
