"""Servers under the same load in turns: tokens and requests per second, latency, time to the first token."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import numpy as np

from harness.load import Connection, Load, Requests, percentiles, run_clients
from harness.models import SEED, ModelSize
from harness.process import PeerError
from harness.report import Report, ratio
from harness.rotation import Peer
from harness.server import Server, all_servers
from nextword.settings import Settings, setting
from nextword.system.capacity import count_cores

_STEPS = 40
_TOLERANCE = 1e-3
"""Largest difference between a log-probability of PyTorch's service and nextword's."""


@dataclass(frozen=True, kw_only=True)
class Effort(Settings):
    """The load."""

    group: ClassVar[str] = "effort"

    clients: tuple[int, ...] = setting((1, 8, 64), help="Clients at once, one number for each load.", at_least=1)
    turns: int = setting(3, help="Turns of each server.", at_least=1, at_most=1000)
    seconds: float = setting(4.0, help="Seconds that count of each turn and load.", at_least=0.05, at_most=600.0)
    prompt_words: int = setting(8, help="Words of a prompt.", at_least=1, at_most=1000)
    min_tokens: int = setting(16, help="Tokens of the shortest answer.", at_least=1, at_most=1024)
    max_tokens: int = setting(48, help="Tokens of the longest answer.", at_least=1, at_most=1024)
    temperature: float = setting(0.8, help="Sampling temperature of all servers.", at_least=0.01, at_most=2.0)
    overload: float = setting(8.0, help="Overload: times the capacity.", at_least=1.0, at_most=1000.0)
    overload_tokens: int = setting(128, help="Overload: tokens of an answer.", at_least=1, at_most=1024)
    capacity_clients: int = setting(64, help="Overload: clients that measure the capacity.", at_least=1, at_most=512)
    scenario_turns: int = setting(3, help="Overload: turns.", at_least=1, at_most=1000)
    scenario_seconds: float = setting(8.0, help="Overload: seconds of a turn.", at_least=0.05, at_most=600.0)
    starts: int = setting(5, help="Starts of each server.", at_least=1, at_most=1000)


@dataclass(frozen=True)
class Scene:
    """What a scenario gets: the folder of the models, their size, the load, and where to report."""

    folder: Path
    size: ModelSize
    effort: Effort
    report: Report
    timeout: float
    pytorch: str | None

    def requests(self, model: str, tokens: tuple[int, int] | None = None, *, stream: bool = False) -> Requests:
        """Return the random requests for a model, the same for every server, by the number of the client.

        Args:
            model: Name of the model.
            tokens: The lowest and the highest number of tokens of an answer (default: as the effort says).
            stream: Whether the answers are streams of events.
        """
        words = json.loads((self.folder / "words.json").read_text(encoding="utf-8"))
        known = [word for word in words if word.isalpha()]
        lengths = tokens or (self.effort.min_tokens, max(self.effort.min_tokens, self.effort.max_tokens))
        sampling: dict[str, Any] = {"temperature": self.effort.temperature}
        sampling |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {}

        def bodies(client: int) -> Iterator[dict[str, Any]]:
            chance = random.Random(SEED * 1_000_003 + client)  # noqa: S311  # no secret
            while True:
                prompt = " ".join(chance.choices(known, k=self.effort.prompt_words))
                drawn = {"max_tokens": chance.randint(*lengths), "seed": chance.randrange(2**31)}
                yield {"model": model, "prompt": prompt, **drawn, **sampling}

        return bodies


def throughput(scene: Scene) -> None:
    """Start all servers, and let each serve every number of clients in turn; then compare them.

    One works at a time, while the others wait for requests. A server that fails is left out from then on.
    """
    report, effort = scene.report, scene.effort
    loads: dict[tuple[str, int], list[Load]] = {}
    with ExitStack() as running:
        servers: dict[str, Server] = {}
        for server in all_servers(scene.folder, scene.size.to_table(), scene.pytorch, scene.timeout):
            report.say(f"starting {server.name}")
            with report.missing_on(server.name):
                running.enter_context(server)
                if server.name.startswith("pytorch"):
                    asyncio.run(_check(server, scene.folder))
                servers[server.name] = server
        engines = [running.enter_context(_engine(scene, precision)) for precision in ("float32", "int8")]
        for turn in range(effort.turns):
            report.say(f"turn {turn + 1} of {effort.turns}")
            for name in list(servers):
                with report.missing_on(name):
                    _take_turn(scene, servers[name], loads)
                if name in report.missing:
                    del servers[name]
            for engine in engines:
                engine.run(_STEPS)
    left = {key: group for key, group in loads.items() if key[0].removesuffix("-streamed") not in report.missing}
    rates: dict[str, float] = {}
    for (name, clients), group in left.items():
        turns = [load.tokens_per_second for load in group]
        rates[f"{name}-{clients}"] = median(turns)
        values = {"requests_per_second": median(load.requests_per_second for load in group), **percentiles(group)}
        values["client_share"] = max(load.client_share for load in group)
        report.add("server", server=name, clients=clients, tokens_per_second=median(turns), **values, turns=turns)
    ceilings = {
        f"{engine.name}-{batch}": int(batch) / median(seconds)
        for engine in engines
        for batch, seconds in engine.seconds.items()
    }
    report.add("summary", **_ratios(rates, effort.clients), ceilings=ceilings, missing=report.missing)


def _take_turn(scene: Scene, server: Server, loads: dict[tuple[str, int], list[Load]]) -> None:
    for stream in (False, True) if server.name in ("nextword-float32", "nextword-int8") else (False,):
        for clients in scene.effort.clients:
            requests = scene.requests(server.model, stream=stream)
            load = asyncio.run(run_clients(server.port, requests, clients, scene.effort.seconds))
            if load.failed:
                raise PeerError(f"failed {len(load.failed)} requests of {clients} clients: {load.failed[0]}")
            loads.setdefault((server.name + ("-streamed" if stream else ""), clients), []).append(load)


def _ratios(rates: dict[str, float], clients: Sequence[int]) -> dict[str, dict[str, float | None]]:
    """Return how many times as many tokens per second nextword generates as another way of serving."""
    ratios: dict[str, float | None] = {}
    others: dict[str, float | None] = {}
    for count in clients:
        ours, int8 = rates.get(f"nextword-float32-{count}"), rates.get(f"nextword-int8-{count}")
        theirs = {name: rates.get(f"pytorch-{name}-{count}") for name in ("one-at-a-time", "threads")}
        best = max((rate for rate in theirs.values() if rate is not None), default=None)
        ratios |= {f"batched-{count}": ratio(ours, rates.get(f"nextword-float32-unbatched-{count}"))}
        ratios |= {f"pytorch-{count}": ratio(ours, best)}
        others |= {f"int8-batched-{count}": ratio(int8, rates.get(f"nextword-int8-unbatched-{count}"))}
        others |= {f"int8-over-float32-{count}": ratio(int8, ours)}
        others |= {f"pytorch-{name}-{count}": ratio(ours, rate) for name, rate in theirs.items()}
    return {"ratios": ratios, "other_ratios": others}


def _engine(scene: Scene, precision: str) -> Peer:
    """Return the peer that measures the engine alone."""
    settings = {
        "task": "batches",
        "bundle": str(scene.folder / precision),
        "precision": precision,
        "parameters": 0,
        "threads": count_cores(),
        "batch_sizes": sorted({1, *scene.effort.clients}),
    }
    return Peer(f"engine-{precision}", "inference_nextword.py", settings, timeout=scene.timeout)


async def _check(server: Server, folder: Path) -> None:
    """Raise `PeerError` if PyTorch's service runs another model than nextword's."""
    expected = json.loads((folder / "check.json").read_text(encoding="utf-8"))
    async with Connection(server.port) as connection:
        _, _, content, _ = await connection.post("/log-probs", expected["ids"])
    distance = float(np.abs(np.array(json.loads(content)) - np.array(expected["log_probs"])).max())
    if not distance <= _TOLERANCE:
        raise PeerError(f"this is another model: a log-probability is {distance:.2g} away from nextword's")
