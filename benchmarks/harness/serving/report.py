"""The report of the serving benchmark: rates, latency, and ratios."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.inference.settings import ModelSize
from harness.serving.catalogue import FIXED, FLOAT32, INT8, ONE_AT_A_TIME, THREADS, UNBATCHED
from harness.serving.load import Load, joined
from harness.serving.outcome import Outcome
from harness.serving.requests import SEED
from harness.serving.settings import LoadSettings, ScenarioSettings
from harness.serving.throughput import Throughput
from harness.speed.provenance import Provenance

_THEIRS = (ONE_AT_A_TIME, THREADS)


@dataclass(frozen=True)
class ServingReport:
    """The result of a serving benchmark; a figure is `None` if what it needs is missing.

    Attributes:
        size: How large the model is.
        settings: The load.
        scenario_settings: The load of the scenarios.
        made: The answer of the program that made the models.
        throughput: What was measured of all servers, if that was asked for.
        outcomes: What came of the scenarios.
        provenance: Where, when and of what code.
    """

    size: ModelSize
    settings: LoadSettings
    scenario_settings: ScenarioSettings
    made: dict[str, Any]
    throughput: Throughput
    outcomes: Sequence[Outcome]
    provenance: Provenance

    @property
    def measured(self) -> bool:
        """Whether there is anything to report."""
        return bool(self.throughput.loads or self.outcomes)

    def rates(self, name: str, clients: int) -> list[float]:
        """Return the tokens per second of each turn."""
        return [load.tokens_per_second for load in self._loads(name, clients)]

    def rate(self, name: str, clients: int) -> float | None:
        """Return the median of the tokens per second of all turns."""
        rates = self.rates(name, clients)
        return float(np.median(rates)) if rates else None

    def requests_per_second(self, name: str, clients: int) -> float | None:
        """Return the median of the requests per second of all turns."""
        rates = [load.requests_per_second for load in self._loads(name, clients)]
        return float(np.median(rates)) if rates else None

    def milliseconds(self, name: str, clients: int) -> dict[str, float | None]:
        """Return percentiles of the latency and of the time to the first byte, over all turns, in ms."""
        return joined(self._loads(name, clients)).milliseconds()

    def client_share(self, name: str, clients: int) -> float | None:
        """Return the largest share of one core that the clients took."""
        return max((load.client_share for load in self._loads(name, clients)), default=None)

    @property
    def ratios(self) -> dict[str, float | None]:
        """How many times as many tokens per second: batched over unbatched, and over the faster service in PyTorch."""
        ratios = {}
        for clients in self.settings.clients:
            theirs = [rate for name in _THEIRS if (rate := self.rate(name, clients)) is not None]
            ratios[f"batched-{clients}"] = _over(self.rate(FLOAT32, clients), self.rate(FLOAT32 + UNBATCHED, clients))
            ratios[f"pytorch-{clients}"] = _over(self.rate(FLOAT32, clients), max(theirs, default=None))
        return ratios

    @property
    def other_ratios(self) -> dict[str, float | None]:
        """The same for int8, and each service in PyTorch alone."""
        ratios = {}
        for clients in self.settings.clients:
            ratios[f"int8-batched-{clients}"] = _over(self.rate(INT8, clients), self.rate(INT8 + UNBATCHED, clients))
            ratios[f"int8-over-float32-{clients}"] = _over(self.rate(INT8, clients), self.rate(FLOAT32, clients))
            for name in _THEIRS:
                ratios[f"{name}-{clients}"] = _over(self.rate(FLOAT32, clients), self.rate(name, clients))
        return ratios

    @property
    def ceilings(self) -> dict[str, dict[str, float]]:
        """Tokens per second of the engine alone by precision and texts in a step, and the gain over one text."""
        ceilings = {}
        for precision, by_batch in self.throughput.steps.items():
            rates = {batch: int(batch) / float(np.median(seconds)) for batch, seconds in by_batch.items()}
            gains = {f"gain-{batch}": rate / rates["1"] for batch, rate in rates.items() if batch != "1"}
            ceilings[precision] = rates | gains
        return ceilings

    def to_table(self) -> dict[str, Any]:
        """Return the report as a table for JSON, the figures that matter on top."""
        clients = self.settings.clients
        return {
            "ratios": self.ratios,
            "p99_ms": {str(each): self.milliseconds(FLOAT32, each)["p99"] for each in clients},
            "other_ratios": self.other_ratios,
            "ceilings": self.ceilings,
            "client_requests_per_second": {str(each): self.requests_per_second(FIXED, each) for each in clients},
            "scenarios": {outcome.name: outcome.to_table() for outcome in self.outcomes},
            "missing": self.throughput.missing,
            **self.provenance.to_table(),
            "versions": {"nextword": self.made.get("nextword"), **self.throughput.versions},
            "seed": SEED,
            "model": self.size.to_table(),
            "effort": self.settings.to_table(),
            "scenario_effort": self.scenario_settings.to_table(),
            "made": self.made,
            "memory": self.throughput.memory,
            "rows": [self._row_table(name, each) for name, each in self.throughput.loads],
        }

    def _row_table(self, name: str, clients: int) -> dict[str, Any]:
        return {
            "server": name,
            "clients": clients,
            "tokens_per_second": self.rates(name, clients),
            "requests_per_second": self.requests_per_second(name, clients),
            "milliseconds": self.milliseconds(name, clients),
            "requests": sum(len(load.samples) for load in self._loads(name, clients)),
            "refused": sum(sample.refused for load in self._loads(name, clients) for sample in load.samples),
            "client_share": self.client_share(name, clients),
        }

    def _loads(self, name: str, clients: int) -> list[Load]:
        return self.throughput.loads.get((name, clients), [])


def _over(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None
