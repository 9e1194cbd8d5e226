"""Speed of `nextword serve`: throughput and latency under load, compared with PyTorch, its start, and overload.

python benchmarks/serving.py --json serving.json
"""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click
import numpy as np

from harness.load import Connection, Load, run_arrivals, run_clients
from harness.models import ModelSize, make_models
from harness.process import PeerError
from harness.report import json_option, pytorch_option, reporting, timeout_option
from harness.server import Server, nextword_server
from harness.throughput import Effort, Scene, throughput
from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables, given_settings


def start(scene: Scene) -> None:
    """Start the service several times, its files in the system's cache, and time its first answer."""
    for precision in ("float32", "int8"):
        ready, answered, memory = list[float](), list[float](), 0.0
        for _ in range(scene.effort.starts):
            scene.report.say(f"start: {precision}")
            with nextword_server("start", scene.folder / precision, scene.timeout) as server:
                ready.append(server.ready_seconds)
                answered.append(server.ready_seconds + asyncio.run(_seconds_of_answer(scene, server)))
                memory = max(memory, server.peak_memory_mb())
        seconds = {"ready_seconds": median(ready), "first_answer_seconds": median(answered)}
        scene.report.add("start", precision=precision, **seconds, memory_mb=memory, samples=ready)


async def _seconds_of_answer(scene: Scene, server: Server) -> float:
    async with Connection(server.port) as connection:
        sample = await connection.complete(next(scene.requests(server.model)(0)))
    if not sample.ok:
        raise PeerError(f"did not answer the first request: {sample}")
    return sample.seconds


def overload(scene: Scene) -> None:
    """Measure the capacity, and what is answered of many times as many requests, in turns."""
    effort = scene.effort
    requests = scene.requests("float32", (effort.overload_tokens, effort.overload_tokens))
    capacities, loads = list[Load](), list[Load]()
    with nextword_server("overload", scene.folder / "float32", scene.timeout) as server:
        for turn in range(effort.scenario_turns):
            scene.report.say(f"overload: turn {turn + 1} of {effort.scenario_turns}")
            measured = run_clients(server.port, requests, effort.capacity_clients, effort.scenario_seconds)
            capacities.append(asyncio.run(measured))
            rate = max(effort.overload * capacities[-1].requests_per_second, 1.0)
            loads.append(asyncio.run(run_arrivals(server.port, requests, rate, effort.scenario_seconds)))
    pairs = list(zip(loads, capacities, strict=True))
    goodputs = [load.tokens_per_second / capacity.tokens_per_second for load, capacity in pairs]
    samples = [sample for load in loads for sample in load.samples]
    accepted = [sample.seconds for sample in samples if sample.ok]
    scene.report.add(
        "overload",
        goodput=median(goodputs),
        goodput_of_turns=goodputs,
        capacity_tokens_per_second=median(load.tokens_per_second for load in capacities),
        capacity_requests_per_second=median(load.requests_per_second for load in capacities),
        requests=len(samples),
        accepted=len(accepted),
        rejected=sum(sample.rejected for sample in samples),
        lost=sum(len(load.failed) for load in loads),
        p99_of_accepted_ms=1000 * float(np.percentile(accepted, 99)) if accepted else None,
        client_share=max(load.client_share for load in loads),
    )


_SCENARIOS: dict[str, Callable[[Scene], None]] = {"throughput": throughput, "start": start, "overload": overload}


@command(
    Effort,
    ModelSize,
    examples=[
        "python benchmarks/serving.py --json serving.json",
        "python benchmarks/serving.py --scenario overload --scenario start",
        "python benchmarks/serving.py --turns 1 --seconds 2 --scenario throughput",
    ],
    is_common=False,
)
@click.option(
    "--scenario",
    "scenarios",
    type=click.Choice(list(_SCENARIOS)),
    multiple=True,
    show_default="everything",
    help="What to measure.",
)
@timeout_option
@pytorch_option
@json_option
def serving(
    scenarios: tuple[str, ...], timeout: float, pytorch: str | None, json_path: Path | None, given: Tables
) -> None:
    """Measure the HTTP service with a model of random weights, compared with the same model in PyTorch and FastAPI.

    Each server is a process on this machine. Only the requested file is left behind.
    """
    with reporting("serving", json_path) as report, tempfile.TemporaryDirectory(prefix="nextword-") as name:
        size, effort, folder = given_settings(given, ModelSize), given_settings(given, Effort), Path(name)
        report.say("making the models")
        make_models(folder, size, timeout)
        scene = Scene(folder, size, effort, report, timeout, pytorch)
        for scenario, run in _SCENARIOS.items():
            if scenario in scenarios or not scenarios:
                with report.missing_on(scenario):
                    run(scene)


if __name__ == "__main__":
    serving()
