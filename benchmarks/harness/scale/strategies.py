"""How many words a second several processes train on, by strategy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from harness.scale.training_group import TrainingGroup, on_core, rounds_of
from nextword.training.cluster.group import Strategy
from nextword.training.cluster.local_steps import process_directory
from nextword.training.cluster.population import member_directory

STRATEGIES: tuple[Strategy, ...] = ("data-parallel", "population", "local-steps")


@dataclass(frozen=True, kw_only=True)
class StrategyWork:
    """The training run whose speed is measured.

    Attributes:
        text: The text, or the name of a sample.
        preset: Its preset.
        batch_size: Rows of a batch; with `data-parallel`, of the batch that all processes share.
        num_steps: Words of a row.
        round_steps: Steps of a round, between two exchanges of `local-steps`.
        rounds: Timed rounds; one round before them is not timed, since it compiles.
        settings: Other arguments of `nextword train`.
    """

    text: str = "austen"
    preset: str = "quick"
    batch_size: int = 32
    num_steps: int = 35
    round_steps: int = 50
    rounds: int = 3
    settings: Sequence[str] = ()

    def arguments(self, run: Path, epochs: float) -> list[str | Path]:
        """Return the arguments of `nextword train`."""
        sizes = ("--batch-size", str(self.batch_size), "--num-steps", str(self.num_steps))
        rounds = ("--round-steps", str(self.round_steps), "--epochs", f"{epochs:.6f}")
        return [self.text, "--preset", self.preset, *sizes, *rounds, *self.settings, "--run", run]


@dataclass(frozen=True, kw_only=True)
class StrategyFigures:
    """The speed of one strategy with some processes.

    Attributes:
        strategy: Its name; `one-process` for a run without one.
        processes: Number of processes.
        cores: Number of cores that they run on.
        network: The network between them.
        words_per_s: Words that all processes together train on for each second, exchanges included, without validation
            and saving; the median of the rounds.
        step_seconds: Seconds for each step of a process, the same way.
        saving_seconds: Seconds of a round that are neither training nor validation; the median. With `local-steps`, the
            exchange is part of it.
        efficiency: `words_per_s` relative to as many cores that each run the run of one process; `None` if unknown.
        rounds: Words for each second in each round.
    """

    strategy: str
    processes: int
    cores: int
    network: str
    words_per_s: float
    step_seconds: float
    saving_seconds: float
    efficiency: float | None = None
    rounds: list[float] = field(default_factory=list)

    def to_table(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return asdict(self)


def places_of(processes: int, cores: Sequence[int]) -> list[list[str]]:
    """Return where processes run: each on one core, in turn."""
    return [on_core(cores[number % len(cores)]) for number in range(processes)]


def measure_strategy(
    work: StrategyWork,
    strategy: Strategy | None,
    places: Sequence[Sequence[str]],
    *,
    cores: int,
    timeout: float,
    one_process: float | None = None,
    saving_seconds: float = 0.0,
    network: str = "loopback",
    host: str = "127.0.0.1",
    environment: Mapping[str, str] | None = None,
) -> StrategyFigures:
    """Train in several processes, and return their speed.

    Args:
        work: The run.
        strategy: How the processes share it; `None` for one process.
        places: For each process, the beginning of its command.
        cores: Number of different cores in the places.
        timeout: Seconds to wait for the run.
        one_process: Words per second of one process on one core.
        saving_seconds: Seconds in which as many processes save a round, for `local-steps`: what they take beyond that
            is the exchange. A `population` tells.
        network: What connects the processes.
        host: The address of process 0.
        environment: Variables beside the inherited ones.

    Raises:
        PeerError: A process failed.
    """
    count = len(places)
    with TemporaryDirectory(prefix="scale-strategy-") as name:
        folder = Path(name)
        run = folder / "run"
        # More epochs than are trained: the group is ended when the rounds are done.
        arguments = work.arguments(run, 100.0)
        how: dict[str, Any] = {"strategy": strategy, "host": host, "environment": environment}
        with TrainingGroup(arguments, places, folder, **how) as group:
            writers = 1 if strategy == "data-parallel" else count  # of a log
            logs = [_log_of(run, strategy, number) for number in range(writers)]
            for log in logs:
                group.wait_for_rounds(log, work.rounds + 1, timeout)
            records = [rounds_of(log)[: work.rounds + 1] for log in logs]
    words, exchanges = work.round_steps * work.batch_size * work.num_steps, strategy == "local-steps"
    own, others = list[list[float]](), list[float]()
    for each in records:
        seconds = [_seconds(before, after, words) for before, after in pairwise(each)]
        own.append([words / (train + max(0.0, other - saving_seconds) * exchanges) for train, other in seconds])
        others += [other for _, other in seconds]
    speeds = [sum(each) for each in zip(*own, strict=True)]
    words_per_s = median(speeds)
    at_once = 1 if strategy == "data-parallel" else count
    return StrategyFigures(
        strategy=strategy or "one-process",
        processes=count,
        cores=cores,
        network=network,
        words_per_s=round(words_per_s, 1),
        step_seconds=round(at_once * work.batch_size * work.num_steps / words_per_s, 5),
        saving_seconds=round(median(others), 3),
        efficiency=None if one_process is None else round(words_per_s / (cores * one_process), 3),
        rounds=[round(each, 1) for each in speeds],
    )


def measure_strategies(
    work: StrategyWork,
    counts: Sequence[int],
    cores: Sequence[int],
    *,
    timeout: float,
    say: Callable[[str], None],
) -> list[StrategyFigures]:
    """Measure one process on one core, and each strategy with each number of processes over loopback.

    Raises:
        PeerError: A process failed.
    """
    say("one process on one core")
    one = measure_strategy(work, None, places_of(1, cores), cores=1, timeout=timeout)
    found, saving = [one], dict[int, float]()
    for strategy in STRATEGIES:
        for count in (count for count in counts if count > 1):
            say(f"{strategy} with {count} processes")
            used = min(count, len(cores))
            how: dict[str, Any] = {"cores": used, "timeout": timeout, "one_process": one.words_per_s}
            if strategy == "local-steps":
                how["saving_seconds"] = saving[count]
            found.append(measure_strategy(work, strategy, places_of(count, cores), **how))
            if strategy == "population":
                saving[count] = found[-1].saving_seconds
            say(describe(found[-1]))
    return found


def efficiency_by_strategy(figures: Sequence[StrategyFigures]) -> dict[str, float]:
    """Return the efficiency of each strategy, with the largest number of processes that have a core each."""
    found: dict[str, float] = {}
    for each in sorted(figures, key=lambda each: each.processes):
        if each.efficiency is not None and each.processes == each.cores:
            found[each.strategy] = each.efficiency
    return found


def describe(figures: StrategyFigures) -> str:
    """Return the figures as one line."""
    efficiency = "" if figures.efficiency is None else f"{figures.efficiency:11.0%}"
    shared = f"  {figures.processes} processes share {figures.cores} cores" if figures.processes > figures.cores else ""
    return (
        f"{figures.strategy:<14}{figures.processes:3}  {figures.network:<10}{figures.words_per_s:9,.0f}"
        f"{1000 * figures.step_seconds:9,.1f}{efficiency}{shared}"
    )


HEADER = "strategy        n  network     words/s  ms/step  efficiency"
"""The header of `describe`."""


def _log_of(run: Path, strategy: Strategy | None, number: int) -> Path:
    if strategy == "population":
        return member_directory(run, number)
    return process_directory(run, number) if strategy == "local-steps" else run


def _seconds(before: Mapping[str, Any], after: Mapping[str, Any], words: int) -> tuple[float, float]:
    """Return the seconds of a round in training, and in neither training nor validation."""
    train = words / after["words_per_second"]
    return train, after["seconds"] - before["seconds"] - after["validation_seconds"] - train
