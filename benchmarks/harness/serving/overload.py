"""More requests than a server can answer: what it still answers, what it refuses, and whether it loses any."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.serving.catalogue import nextword_plan
from harness.serving.connection import Connection
from harness.serving.load import Load, Sample, ask, run_clients
from harness.serving.outcome import Bar, Outcome
from harness.serving.requests import SEED, Requests
from harness.serving.scenario import Scene
from harness.serving.server import Server

_LEAST_GOODPUT = 0.8


def overload(scene: Scene) -> Outcome:
    """Measure the capacity and the overload in turns."""
    settings = scene.scenario_settings
    lengths = replace(scene.settings, least_tokens=settings.overload_tokens, most_tokens=settings.overload_tokens)
    plan = nextword_plan("overload", scene.folder / "float32")
    requests = Requests.of(plan.model, scene.size, lengths)
    capacities, loads = [], []
    with Server(plan, timeout=scene.timeout) as server:
        for turn in range(settings.scenario_turns):
            scene.say(f"overload: turn {turn + 1} of {settings.scenario_turns}")
            capacity = asyncio.run(
                run_clients(server.port, requests, settings.capacity_clients, settings.scenario_seconds)
            )
            capacities.append(capacity)
            rate = max(settings.overload * capacity.requests_per_second, 1.0)
            loads.append(asyncio.run(run_arrivals(server.port, requests, rate, settings.scenario_seconds)))
    return outcome_of(capacities, loads)


async def run_arrivals(port: int, requests: Requests, rate: float, seconds: float) -> Load:
    """Send requests at random times, `rate` of them a second on average, whether or not earlier ones are answered.

    Counting begins after a quarter of the time, when the queue is full.
    """
    chance, bodies = random.Random(SEED), requests.bodies(0)  # noqa: S311  # no secret
    idle: list[Connection] = []
    tasks = []
    start, processor_start, due = time.perf_counter(), time.process_time(), 0.0

    async def send(body: dict[str, object]) -> Sample:
        connection = idle.pop() if idle else Connection(port)
        sample = await ask(connection, body)
        idle.append(connection)
        return sample

    while (due := due + chance.expovariate(rate)) < seconds:
        await asyncio.sleep(max(0.0, start + due - time.perf_counter()))
        tasks.append(asyncio.create_task(send(next(bodies))))
    end, processor_end = time.perf_counter(), time.process_time()
    samples = list(await asyncio.gather(*tasks))
    for connection in idle:
        connection.close()
    return Load(samples, start + seconds / 4, end, (processor_end - processor_start) / (end - start))


def outcome_of(capacities: Sequence[Load], loads: Sequence[Load]) -> Outcome:
    """Return what came of capacities and overloads that were measured in turns."""
    kept = [
        load.tokens_per_second / capacity.tokens_per_second for capacity, load in zip(capacities, loads, strict=True)
    ]
    samples = [sample for load in loads for sample in load.samples]
    refused = [sample for sample in samples if sample.refused]
    accepted = [sample.seconds for sample in samples if sample.ok]
    reached = [len(load.samples) / (load.end - load.samples[0].start) for load in loads]
    asked = [reach / capacity.requests_per_second for reach, capacity in zip(reached, capacities, strict=True)]
    return Outcome(
        "overload",
        [
            Bar("goodput, of the capacity", float(np.median(kept)), _LEAST_GOODPUT, at_least=True),
            Bar("accepted requests that were lost", sum(len(load.failed) for load in loads), 0),
            Bar("refusals without Retry-After", sum(not sample.retry_after for sample in refused), 0),
        ],
        {
            "goodput of each turn": kept,
            "capacity, tokens/s": float(np.median([load.tokens_per_second for load in capacities])),
            "capacity, requests/s": float(np.median([load.requests_per_second for load in capacities])),
            "requests sent, of the capacity": float(np.median(asked)),
            "requests sent": len(samples),
            "accepted": len(accepted),
            "refused": len(refused),
            "p99 of the accepted, ms": 1000 * float(np.percentile(accepted, 99)) if accepted else None,
            "p99 of the refused, ms": 1000 * float(np.percentile([each.seconds for each in refused], 99))
            if refused
            else None,
            "clients' share of a core": max(load.client_share for load in loads),
            "first failure": next((f"{each.status} {each.error}" for load in loads for each in load.failed), None),
        },
    )
