"""The forecast of `nextword plan` beside what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.scale.strategies import StrategyFigures, StrategyWork
from nextword.text.corpus import Corpus
from nextword.training.config import RunConfig
from nextword.training.planning.cost_forecast import GLOO_GBPS, Cluster, Work, forecast_costs


@dataclass(frozen=True, kw_only=True)
class ForecastCheck:
    """One forecast.

    Attributes:
        strategy: Its name.
        processes: Number of processes.
        network: The network between them.
        predicted: Words per second that all processes together should train on.
        measured: Words per second that they trained on.
    """

    strategy: str
    processes: int
    network: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """How much more was predicted than measured, relative to what was measured."""
        return self.predicted / self.measured - 1

    def describe(self) -> str:
        """Return the check as one line."""
        return (
            f"{self.strategy:<14}{self.processes:3}  {self.network:<10}{self.predicted:12,.0f}{self.measured:11,.0f}"
            f"{self.error:+7.0%}"
        )

    def to_table(self) -> dict[str, Any]:
        """Return the check for JSON."""
        return {**asdict(self), "error": round(self.error, 3)}


def num_parameters(work: StrategyWork) -> int:
    """Return the number of parameters of the model that the work trains."""
    config = RunConfig.of(work.preset, {}, {})
    vocabulary = Corpus.load(work.text, config.text).tokenizer.vocabulary_size
    return config.model.build(vocabulary).num_parameters


def check_forecasts(
    work: StrategyWork,
    figures: Sequence[StrategyFigures],
    speeds: Mapping[int, float],
    *,
    gbps: float,
    latency_ms: float,
) -> list[ForecastCheck]:
    """Return the forecast of each measured figure.

    A process that shares its core with others computes at half the speed, or less. Gloo mostly waits,
    and keeps its own.

    Args:
        work: What was trained.
        figures: What was measured.
        speeds: Words per second of one process on one core, by batch size.
        gbps: Bandwidth between the processes in Gb/s.
        latency_ms: Time of a small message in milliseconds.
    """
    parameters = num_parameters(work)
    found = []
    for each in figures:
        share, whole = each.cores / each.processes, work.batch_size
        forecasts = forecast_costs(
            Work(
                num_parameters=parameters,
                batch_size=whole,
                num_steps=work.num_steps,
                local_steps=work.round_steps,
                words_per_second=share * speeds[whole],
                split_words_per_second=share * speeds[whole // each.processes],
            ),
            Cluster(hosts=each.processes, network_gbps=gbps, latency_ms=latency_ms, collective_gbps=GLOO_GBPS),
        )
        forecast = next(forecast for forecast in forecasts if forecast.strategy == each.strategy)
        trained = each.processes if each.strategy == "population" else 1  # each trains on all words of the text
        check = ForecastCheck(
            strategy=each.strategy,
            processes=each.processes,
            network=each.network,
            predicted=round(trained * forecast.text_words_per_second, 1),
            measured=each.words_per_s,
        )
        found.append(check)
    return found
