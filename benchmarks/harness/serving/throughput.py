"""Servers under the same load in turns: tokens and requests per second, latency, time to the first token."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.inference.settings import ModelSize
from harness.serving.catalogue import FLOAT32, INT8, ONE_AT_A_TIME, STREAMED, THREADS, all_plans
from harness.serving.connection import Connection
from harness.serving.load import Load, run_clients
from harness.serving.requests import Requests
from harness.serving.server import Server, ServerPlan
from harness.serving.settings import LoadSettings
from harness.speed.interpreters import own_interpreter
from harness.speed.peer import PROGRAMS, PeerError, PeerOf
from harness.speed.rotation import failure_noted
from harness.speed.worker import Worker

_STREAMING = (FLOAT32, INT8)
_STEPS = 40
_TOLERANCE = 1e-3
"""Largest difference between a log-probability of PyTorch's service and nextword's."""

Say = Callable[[str], None]
Loads = dict[tuple[str, int], list[Load]]


@dataclass
class Throughput:
    """What was measured of all servers.

    Attributes:
        loads: The loads of each row and number of clients, one for each turn.
        steps: Seconds of a step of the engine alone, by precision and number of texts.
        memory: Peak memory of each server.
        versions: Versions that PyTorch's service reports.
        missing: Servers that could not be measured, and why.
    """

    loads: Loads = field(default_factory=dict)
    steps: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EngineWork:
    """Steps of a model's engine.

    Attributes:
        bundle: The model.
        batch_sizes: Numbers of texts in a step.
    """

    bundle: Path
    batch_sizes: Sequence[int]

    def to_table(self) -> dict[str, Any]:
        """Return the work as a table for JSON, as the peer reads it."""
        sizes = list(self.batch_sizes)
        return {"bundle": str(self.bundle), "batch_sizes": sizes, "precision": self.bundle.name}


def measure_throughput(
    folder: Path, size: ModelSize, settings: LoadSettings, *, pytorch: str | None, timeout: float, say: Say
) -> Throughput:
    """Start all servers, and let each serve every number of clients in turn, `settings.turns` times.

    One works at a time, while the others wait for requests. A server that fails is left out from then, and its
    measurements are dropped.
    """
    found = Throughput()
    with ExitStack() as running:
        servers: dict[str, Server] = {}
        for plan in all_plans(folder, size, pytorch):
            say(f"starting {plan.name}")
            with failure_noted(found.missing, plan.name, say):
                servers[plan.name] = running.enter_context(_running(plan, folder, timeout, found.versions))
        workers = _engines(folder, settings, timeout, found, running, say)
        for turn in range(settings.turns):
            say(f"turn {turn + 1} of {settings.turns}")
            for name, server in servers.items():
                if name not in found.missing:
                    with failure_noted(found.missing, name, say):
                        _take_turn(server, size, settings, found.loads)
            for name, worker in workers.items():
                for batch, seconds in worker.run(_STEPS).seconds.items():
                    found.steps[name].setdefault(batch, []).extend(seconds)
        found.memory = {name: server.peak_memory_bytes() for name, server in servers.items()}
    found.loads = {
        key: loads for key, loads in found.loads.items() if key[0].removesuffix(STREAMED) not in found.missing
    }
    return found


def _take_turn(server: Server, size: ModelSize, settings: LoadSettings, loads: Loads) -> None:
    plan = server.plan
    for stream in (False, True) if plan.name in _STREAMING else (False,):
        requests = Requests.of(plan.model, size, settings, stream=stream)
        for clients in settings.clients:
            load = asyncio.run(run_clients(server.port, requests, clients, settings.seconds))
            if load.failed:
                worst = load.failed[0]
                raise PeerError(
                    f"failed {len(load.failed)} requests of {clients} clients: {worst.status} {worst.error}"
                )
            loads.setdefault((plan.name + (STREAMED if stream else ""), clients), []).append(load)


def _engines(
    folder: Path, settings: LoadSettings, timeout: float, found: Throughput, running: ExitStack, say: Say
) -> dict[str, Worker]:
    """Start the peers that measure the engine alone."""
    workers = {}
    for precision in ("float32", "int8"):
        work = EngineWork(bundle=folder / precision, batch_sizes=sorted({1, *settings.clients}))
        peer = PeerOf(f"engine-{precision}", PROGRAMS / "serving_engine.py", work, own_interpreter)
        with failure_noted(found.missing, peer.name, say):
            workers[precision] = running.enter_context(Worker(peer, timeout=timeout))
            found.steps[precision] = {}
    return workers


@contextmanager
def _running(plan: ServerPlan, folder: Path, timeout: float, versions: dict[str, Any]) -> Iterator[Server]:
    """Start a server. PyTorch's is refused if it runs another model than nextword's.

    Raises:
        PeerError: It cannot be started, or is another model.
    """
    with Server(plan, timeout=timeout) as server:
        if plan.name in (ONE_AT_A_TIME, THREADS):
            asyncio.run(_check(server, json.loads((folder / "check.json").read_text(encoding="utf-8"))))
            versions |= json.loads(server.get("/versions")[1])
        yield server


async def _check(server: Server, expected: Mapping[str, Any]) -> None:
    async with Connection(server.port) as connection:
        answer = await connection.request("POST", "/log-probs", json.dumps(expected["ids"]).encode())
    distance = float(np.abs(np.array(json.loads(answer.body)) - np.array(expected["log_probs"])).max())
    if not distance <= _TOLERANCE:
        raise PeerError(f"this is another model: a log-probability is {distance:.2g} away from nextword's")
