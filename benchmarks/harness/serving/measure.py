"""Make the models, measure the servers, and run the scenarios."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.inference.settings import ModelSize
from harness.serving.disconnects import disconnects
from harness.serving.models import make_served_models
from harness.serving.outcome import Outcome
from harness.serving.overload import overload
from harness.serving.reload import reload
from harness.serving.report import ServingReport
from harness.serving.scenario import Scene
from harness.serving.settings import LoadSettings, ScenarioSettings
from harness.serving.slow_clients import slow_clients
from harness.serving.start import start
from harness.serving.throughput import Throughput, measure_throughput
from harness.speed.provenance import Provenance
from harness.speed.rotation import failure_noted

THROUGHPUT = "throughput"

SCENARIOS: dict[str, Callable[[Scene], Outcome]] = {
    "start": start,
    "overload": overload,
    "slow-clients": slow_clients,
    "disconnects": disconnects,
    "reload": reload,
}
"""The scenarios beside the throughput, by name."""


def measure_serving(
    size: ModelSize,
    settings: LoadSettings,
    scenario_settings: ScenarioSettings,
    scenarios: Sequence[str],
    *,
    pytorch: str | None,
    timeout: float,
    say: Callable[[str], None],
) -> ServingReport:
    """Make the models in a temporary folder, and measure one scenario after the other.

    Args:
        size: How large the model is.
        settings: The load.
        scenario_settings: The load of the scenarios.
        scenarios: `THROUGHPUT` or names of `SCENARIOS`.
        pytorch: A Python with PyTorch; one is searched for if it is not given.
        timeout: Seconds within which a server must be ready.
        say: Receives messages about the progress.

    Raises:
        PeerError: The models cannot be made.
    """
    provenance = Provenance.now()
    throughput, outcomes = Throughput(), []
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="nextword-serving-") as scratch:
        say("making the models")
        folder = Path(scratch)
        made = make_served_models(folder, size, timeout=timeout)
        scene = Scene(folder, size, settings, scenario_settings, timeout, say)
        for name in scenarios:
            if name == THROUGHPUT:
                throughput = measure_throughput(folder, size, settings, pytorch=pytorch, timeout=timeout, say=say)
                continue
            with failure_noted(missing, name, say):
                outcomes.append(SCENARIOS[name](scene))
    throughput.missing |= missing
    return ServingReport(size, settings, scenario_settings, made, throughput, outcomes, provenance)
