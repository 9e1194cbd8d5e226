"""From the start of a process to the first answer."""

import asyncio
import time
from typing import Any

import numpy as np

from harness.serving.catalogue import nextword_plan
from harness.serving.connection import Connection
from harness.serving.load import ask
from harness.serving.outcome import Bar, Outcome
from harness.serving.requests import Requests
from harness.serving.scenario import Scene
from harness.serving.server import Server
from harness.speed.peer import PeerError

_MOST_SECONDS = 2.0


def start(scene: Scene) -> Outcome:
    """Start the service several times, its files in the system's cache."""
    bars: list[Bar] = []
    figures: dict[str, Any] = {}
    for precision in ("float32", "int8"):
        ready, answered, memory = [], [], 0
        for _ in range(scene.scenario_settings.starts):
            scene.say(f"start: {precision}")
            plan = nextword_plan("start", scene.folder / precision)
            with Server(plan, timeout=scene.timeout) as server:
                ready.append(server.ready_seconds)
                answered.append(server.ready_seconds + asyncio.run(_first_answer(scene, server)))
                memory = max(memory, server.peak_memory_bytes())
        bars.append(Bar(f"ready, {precision}, s", float(np.median(ready)), _MOST_SECONDS))
        figures |= {
            f"first answer, {precision}, s": float(np.median(answered)),
            f"memory, {precision}, MB": memory / 1e6,
            f"samples, {precision}": ready,
        }
    return Outcome("start", bars, figures)


async def _first_answer(scene: Scene, server: Server) -> float:
    requests = Requests.of(server.plan.model, scene.size, scene.settings)
    begin = time.perf_counter()
    async with Connection(server.port) as connection:
        sample = await ask(connection, next(requests.bodies(0)))
    if not sample.ok:
        raise PeerError(f"did not answer the first request: {sample.status} {sample.error}")
    return time.perf_counter() - begin
