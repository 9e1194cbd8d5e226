"""Clients that leave all at once, half in the middle of an answer and half in the queue: does the work for them end?"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from harness.serving.catalogue import PATIENT, nextword_plan
from harness.serving.connection import BrokenAnswerError, Connection, read_head
from harness.serving.load import ask
from harness.serving.outcome import Bar, Outcome
from harness.serving.requests import Requests
from harness.serving.scenario import Scene
from harness.serving.server import Server

_MOST_SECONDS = 1.0
_LONGEST_TEXT = 1024

_WINDOW = 0.25
_IDLE_SHARE = 0.1
"""A server that takes less than this share of a core over the window has no work left."""

_GAUGES = ("nextword_texts_active", "nextword_requests_queued")


def disconnects(scene: Scene) -> Outcome:
    """Let clients begin long streams and leave, and watch how long the server keeps working."""
    leavers = scene.scenario_settings.leavers
    running = max(1, leavers // 2)
    plan = nextword_plan(
        "disconnects", scene.folder / "float32", {**PATIENT, "NEXTWORD_SERVE_MAX_ACTIVE": str(running)}
    )
    with Server(plan, timeout=scene.timeout) as server:
        scene.say(f"disconnects: {leavers} clients")
        before = asyncio.run(_one(scene, server))
        begun = asyncio.run(_leave(scene, server, running))
        idle = _seconds_until_idle(server, time.perf_counter(), scene.timeout)
        after = asyncio.run(_one(scene, server))
    return Outcome(
        "disconnects",
        [
            Bar("clients that left in the middle of an answer", begun, running, at_least=True),
            Bar("work after the last one left, s", idle, _MOST_SECONDS),
        ],
        {"clients that left": leavers, "an answer before, s": before, "an answer afterwards, s": after},
    )


async def _leave(scene: Scene, server: Server, running: int) -> int:
    """Return how many clients had had their first token when all of them left."""
    lengths = replace(scene.settings, least_tokens=_LONGEST_TEXT, most_tokens=_LONGEST_TEXT)
    requests = Requests.of(server.plan.model, scene.size, lengths, stream=True)
    begun, enough = 0, asyncio.Event()

    async def take_one_token(connection: Connection, body: dict[str, Any]) -> None:
        nonlocal begun
        if await _has_token(connection, body):
            begun += 1
            if begun >= running:
                enough.set()

    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(Connection(server.port)) for _ in range(scene.scenario_settings.leavers)
        ]
        tasks = [
            asyncio.create_task(take_one_token(connection, next(requests.bodies(client))))
            for client, connection in enumerate(connections)
        ]
        await asyncio.wait([asyncio.create_task(enough.wait())], timeout=scene.timeout)
        for client, connection in enumerate(connections):
            connection.close(abort=client % 2 == 1)
        await asyncio.gather(*tasks)
    return begun


async def _has_token(connection: Connection, body: dict[str, Any]) -> bool:
    try:
        reader = await connection.begin(body)
        status, _ = await read_head(reader)
        return status == 200 and b"data:" in await reader.readuntil(b"\n\n")
    except (BrokenAnswerError, OSError, asyncio.IncompleteReadError):
        return False


def _seconds_until_idle(server: Server, start: float, timeout: float) -> float:
    """Return the time until the server has no text and its processor time stands still; `timeout` if it never does."""
    while time.perf_counter() - start < timeout:
        is_free, begin, used = _is_free(server), time.perf_counter(), server.processor_seconds()
        time.sleep(_WINDOW)
        if is_free and server.processor_seconds() - used < _IDLE_SHARE * _WINDOW:
            return begin - start
    return timeout


def _is_free(server: Server) -> bool:
    """Return whether the server itself counts no text in work and no request in the queue."""
    lines = server.get("/metrics")[1].decode().splitlines()
    values = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}
    return not any(values[name] for name in _GAUGES)


async def _one(scene: Scene, server: Server) -> float | None:
    requests = Requests.of(server.plan.model, scene.size, scene.settings)
    async with Connection(server.port) as connection:
        sample = await ask(connection, next(requests.bodies(0)))
    return sample.seconds if sample.ok else None
