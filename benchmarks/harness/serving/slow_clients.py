"""Clients that send or read slowly: are they closed, and do the others notice them?"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.serving.catalogue import nextword_plan
from harness.serving.load import Load, joined, run_clients
from harness.serving.outcome import Bar, Outcome
from harness.serving.requests import Requests
from harness.serving.scenario import Scene
from harness.serving.server import Server

_MOST_TIMES = 2.0
_SLACK = 2.0
_PAUSE = 0.25
_PEEK = 0.02

_SMALL_BUFFER = 4096
"""Bytes that the system keeps for a client that does not read."""

LARGE_ANSWER = "/page/model.bin"
"""An answer of megabytes that takes no work to make."""

# The first byte of TCP_INFO: the state of the connection.
_ESTABLISHED = 1
_CONNECTIONS = Path("/proc/net/tcp")


@dataclass(frozen=True)
class Slowness:
    """A way to be slow.

    Attributes:
        name: What is slow.
        sent: What is sent at once.
        dripped: What is sent afterwards, a byte at a time.
    """

    name: str
    sent: bytes = b""
    dripped: bytes = b""

    @property
    def is_reader(self) -> bool:
        """Whether it has sent everything and reads nothing."""
        return bool(self.sent) and not self.dripped


_HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"

SLOWNESSES = (
    Slowness("silent"),
    Slowness("header", _HEAD, b"X-Slow: " + b"a" * 1000),
    Slowness("body", _HEAD + b"Content-Length: 500\r\n\r\n", b'{"model": "' + b"a" * 489),
    Slowness("reader", f"GET {LARGE_ANSWER} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()),
)


def slow_clients(scene: Scene) -> Outcome:
    """Measure the others' latency with and without slow clients, in turns."""
    settings = scene.scenario_settings
    deadline = f"{settings.deadline:g}"
    names = ("RECEIVE_SECONDS", "WRITE_SECONDS", "IDLE_SECONDS")
    plan = nextword_plan("slow", scene.folder / "float32", {f"NEXTWORD_SERVE_{name}": deadline for name in names})
    requests = Requests.of(plan.model, scene.size, scene.settings)
    alone: list[Load] = []
    beside: list[Load] = []
    closed: dict[str, list[float | None]] = {}
    seconds = max(settings.scenario_seconds, settings.deadline + _SLACK)
    with Server(plan, timeout=scene.timeout) as server:
        kinds = [kind for kind in SLOWNESSES if not kind.is_reader or server.get(LARGE_ANSWER)[0] == 200]

        async def together() -> Load:
            slow = asyncio.create_task(_be_slow(server.port, kinds, settings.slow_clients, settings.deadline + _SLACK))
            load = await run_clients(server.port, requests, settings.others, seconds)
            for name, found in (await slow).items():
                closed.setdefault(name, []).extend(found)
            return load

        for turn in range(settings.scenario_turns):
            scene.say(f"slow clients: turn {turn + 1} of {settings.scenario_turns}")
            alone.append(asyncio.run(run_clients(server.port, requests, settings.others, seconds)))
            beside.append(asyncio.run(together()))
    missing = {} if len(kinds) == len(SLOWNESSES) else {"slow readers": f"the service has no {LARGE_ANSWER}"}
    return _outcome(alone, beside, closed, settings.deadline, missing)


async def _be_slow(port: int, kinds: Sequence[Slowness], count: int, patience: float) -> dict[str, list[float | None]]:
    """Return after how many seconds each client was closed, by what was slow; `None` for a client that was not."""
    chosen = [kinds[client % len(kinds)] for client in range(count)]
    found = await asyncio.gather(*(seconds_until_closed(port, kind, patience) for kind in chosen))
    seconds: dict[str, list[float | None]] = {}
    for kind, value in zip(chosen, found, strict=True):
        seconds.setdefault(kind.name, []).append(value)
    return seconds


async def seconds_until_closed(port: int, kind: Slowness, patience: float) -> float | None:
    """Be slow, and return after how many seconds the server closed the connection; `None` if it did not."""
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, kind.sent)
        start, turns = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - start) < patience:
            if _is_closed(client):
                return elapsed
            if elapsed >= _PAUSE * (turns + 1):
                if kind.is_reader and _is_closed_there(port, client):
                    return elapsed
                with contextlib.suppress(OSError):  # it is closed, which the next look tells
                    client.send(kind.dripped[turns : turns + 1])
                turns += 1
            await asyncio.sleep(_PEEK)
        return patience if await _ends(client) else None


async def _ends(client: socket.socket) -> bool:
    """Return whether reading what has come leads to the end of the connection, which unread bytes can hide."""
    try:
        async with asyncio.timeout(_PAUSE):
            while await asyncio.get_running_loop().sock_recv(client, 2**20):
                pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def _is_closed(client: socket.socket) -> bool:
    """Return whether the server has closed the connection, without reading what it sent."""
    if hasattr(socket, "TCP_INFO"):
        return client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != _ESTABLISHED
    try:
        return client.recv(2**20, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _is_closed_there(port: int, client: socket.socket) -> bool:
    """Return whether the server's end is closed, which the client's does not show as long as it has bytes to read."""
    if not _CONNECTIONS.exists():
        return False
    ends = (f":{port:04X}", f":{client.getsockname()[1]:04X}")
    rows = (line.split() for line in _CONNECTIONS.read_text().splitlines()[1:])
    return not any(row[1].endswith(ends[0]) and row[2].endswith(ends[1]) and row[3] == "01" for row in rows)


def _outcome(
    alone: Sequence[Load],
    beside: Sequence[Load],
    closed: dict[str, list[float | None]],
    deadline: float,
    missing: dict[str, str],
) -> Outcome:
    every = [seconds for found in closed.values() for seconds in found]
    waits = [seconds for seconds in every if seconds is not None]
    before, during = joined(alone).milliseconds(), joined(beside).milliseconds()
    times = during["p99"] / before["p99"] if before["p99"] and during["p99"] else None
    return Outcome(
        "slow-clients",
        [
            Bar("p99 of the others, times that without slow clients", times, _MOST_TIMES),
            Bar("slow clients that stayed open", len(every) - len(waits), 0),
            Bar("longest time until one was closed, s", _longest(every), deadline + _SLACK),
            Bar("requests of others that failed", sum(len(load.failed) for load in [*alone, *beside]), 0),
        ],
        {
            "slow clients": len(every),
            "p99 without slow clients, ms": before["p99"],
            "p99 beside them, ms": during["p99"],
            "tokens/s without": float(sum(load.tokens_per_second for load in alone) / len(alone)),
            "tokens/s beside them": float(sum(load.tokens_per_second for load in beside) / len(beside)),
            **{f"slow {name}, closed after, s": _longest(found) for name, found in closed.items()},
        },
        missing,
    )


def _longest(found: Sequence[float | None]) -> float | None:
    return max((seconds for seconds in found if seconds is not None), default=None)
