"""How many words a second several processes train on, by strategy, compared with the forecast of `nextword plan`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from harness.training_group import TrainingGroup, on_core, rounds_in
from nextword.text.corpus import Corpus
from nextword.training.config import RunConfig
from nextword.training.options import Strategy
from nextword.training.planning.cost_forecast import GLOO_GBPS, Cluster, Work, forecast_costs

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
        rounds: Timed rounds; one round before them is not timed, because it compiles.
        settings: Other arguments of `nextword train`.
    """

    text: str = "austen"
    preset: str = "quick"
    batch_size: int = 32
    num_steps: int = 35
    round_steps: int = 50
    rounds: int = 3
    settings: tuple[str, ...] = ()

    def arguments(self, run: Path, epochs: float) -> list[str | Path]:
        """Return the arguments of `nextword train`."""
        sizes = ("--batch-size", str(self.batch_size), "--num-steps", str(self.num_steps))
        rounds = ("--round-steps", str(self.round_steps), "--epochs", f"{epochs:.6f}")
        return [self.text, "--preset", self.preset, *sizes, *rounds, *self.settings, "--run", run]

    @property
    def num_parameters(self) -> int:
        """Number of parameters of the model."""
        return _num_parameters(self.preset, self.text)


@cache
def _num_parameters(preset: str, text: str) -> int:
    config = RunConfig.of(preset, {}, {})
    return config.model.build(Corpus.load(text, config.text).tokenizer.vocabulary_size).num_parameters


def prefixes_of(processes: int, cores: Sequence[int]) -> list[list[str]]:
    """Return for each process the beginning of its command: it runs on one core, in turn."""
    return [on_core(cores[number % len(cores)]) for number in range(processes)]


def measure_strategy(
    work: StrategyWork,
    strategy: Strategy | None,
    prefixes: Sequence[Sequence[str]],
    *,
    cores: int,
    timeout: float,
    one_process: float | None = None,
    saving_seconds: float = 0.0,
    network: str = "loopback",
    host: str = "127.0.0.1",
) -> dict[str, Any]:
    """Train in several processes, and return their speed.

    `words_per_s` counts the words of all processes, with exchanges and without validation and saving, the median of
    the rounds. `efficiency` is relative to as many cores that each do what one process does alone. `saving_seconds` are
    the seconds of a round that are neither training nor validation; with `local-steps`, the exchange is part of them.

    Args:
        work: The run.
        strategy: How the processes share it; `None` for one process.
        prefixes: For each process, the beginning of its command.
        cores: Number of different cores that they run on.
        timeout: Seconds to wait for the run.
        one_process: Words per second of one process on one core.
        saving_seconds: Seconds in which as many processes save a round: what `local-steps` takes beyond them is the
            exchange. A `population` measures them.
        network: What connects the processes.
        host: The address of process 0.
    """
    count, is_shared, is_local = len(prefixes), strategy == "data-parallel", strategy == "local-steps"
    with TemporaryDirectory(prefix="scale-strategy-") as name:
        folder, run = Path(name), Path(name) / "run"
        # More epochs than are trained: the group is ended when the rounds are done.
        with TrainingGroup(work.arguments(run, 100.0), prefixes, folder, strategy=strategy, host=host) as group:
            logs = group.wait_for_rounds(run, work.rounds + 1, timeout, logs=1 if is_shared or is_local else count)
    words, own, others = work.round_steps * work.batch_size * work.num_steps, list[list[float]](), list[float]()
    for rounds in logs:
        seconds = [_seconds(before, after, words) for before, after in pairwise(rounds)]
        waits = [max(0.0, other - saving_seconds) if is_local else 0.0 for _, other in seconds]
        own.append([words / (train + wait) for (train, _), wait in zip(seconds, waits, strict=True)])
        others += [other for _, other in seconds]
    # With local steps, process 0 writes the log of all, with its own speed.
    speeds = [sum(column) * (count if is_local else 1) for column in zip(*own, strict=True)]
    words_per_s = median(speeds)
    return {
        "strategy": strategy or "one-process",
        "processes": count,
        "cores": cores,
        "network": network,
        "words_per_s": round(words_per_s, 1),
        "step_seconds": round((1 if is_shared else count) * work.batch_size * work.num_steps / words_per_s, 5),
        "saving_seconds": round(median(others), 3),
        "efficiency": None if one_process is None else round(words_per_s / (cores * one_process), 3),
        "rounds": [round(speed, 1) for speed in speeds],
    }


def train_to_the_end(
    work: StrategyWork, strategy: Strategy | None, epochs: float, cores: Sequence[int], timeout: float
) -> dict[str, Any]:
    """Train to the end, and return the seconds with validation and the best validation perplexity."""
    prefixes = prefixes_of(2 if strategy else 1, cores)
    with TemporaryDirectory(prefix="scale-quality-") as name:
        run = Path(name) / "run"
        with TrainingGroup(work.arguments(run, epochs), prefixes, Path(name), strategy=strategy) as group:
            group.finish(timeout)
        rounds = rounds_in(run)[0]
    return {
        "strategy": strategy or "one-process",
        "processes": len(prefixes),
        "round_steps": work.round_steps,
        "epochs": round(epochs, 3),
        "seconds": round(rounds[-1]["seconds"], 1),
        "valid_perplexity": round(min(record["valid_perplexity"] for record in rounds), 2),
    }


def _seconds(before: Mapping[str, Any], after: Mapping[str, Any], words: int) -> tuple[float, float]:
    """Return the seconds of a round in training, and in neither training nor validation."""
    train = words / after["words_per_second"]
    return train, after["seconds"] - before["seconds"] - after["validation_seconds"] - train


def forecast(
    work: StrategyWork, measured: Mapping[str, Any], speeds: Mapping[int, float], link: Mapping[str, float]
) -> dict[str, Any]:
    """Return the forecast of `nextword plan` for what was measured, and its error relative to the measurement.

    A process that shares its core with others computes at half the speed, or less. Gloo mostly waits, and keeps its
    own.

    Args:
        work: What was trained.
        measured: What `measure_strategy` returned.
        speeds: Words per second of one process on one core, by batch size.
        link: Bandwidth `gbps` and latency `latency_ms` between the processes.
    """
    processes, share = measured["processes"], measured["cores"] / measured["processes"]
    planned = Work(
        num_parameters=work.num_parameters,
        batch_size=work.batch_size,
        num_steps=work.num_steps,
        local_steps=work.round_steps,
        words_per_second=share * speeds[work.batch_size],
        split_words_per_second=share * speeds[work.batch_size // processes],
    )
    cluster = Cluster(
        hosts=processes, network_gbps=link["gbps"], latency_ms=link["latency_ms"], collective_gbps=GLOO_GBPS
    )
    (expected,) = (outcome for outcome in forecast_costs(planned, cluster) if outcome.strategy == measured["strategy"])
    trained = processes if measured["strategy"] == "population" else 1  # each trains on all words of the text
    words_per_s = trained * expected.text_words_per_second
    return {
        **{name: measured[name] for name in ("strategy", "processes", "network")},
        "forecast": round(words_per_s, 1),
        "measured": measured["words_per_s"],
        "error": round(words_per_s / measured["words_per_s"] - 1, 3),
    }
