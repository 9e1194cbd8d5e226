"""A service under mixed load for long: reloads, clients that leave and slow clients leave nothing behind."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.bundle.origin import sample_model_path
from support.raw_http import RawAnswer, RawClient, exchange, get, post
from support.serve_process import ServeProcess, serve_process
from support.trust_cases import TrustCases, trust_amount

SECONDS = float(os.environ.get("NEXTWORD_TRUST_SOAK", "900")) if trust_amount(False, True) else 4.0
PATIENCE = 300.0
"""Seconds after which an answer that has not come is a failure, on a busy machine too."""

TAIL = SECONDS * 0.6
"""The part of the time that is measured; before, pools and caches grow."""

PERIOD = 10.0
"""Seconds in which the model is reloaded, so that the memory is once without the old one."""

MAX_GROWTH = 1.0
"""MB a minute."""

MAX_DRIFT = 2.0
"""Times by which the 99th percentile of the last third of the requests may be above that of the second."""

BODIES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/suggest", {"text": "I am very mu", "complete": True, "k": 5}),
    ("/v1/suggest", {"text": "my name is Kowalczyk ", "complete": True}),
    ("/v1/score", {"text": "She was very much table.", "alternatives": 3}),
    ("/v1/completions", {"prompt": "It is a truth", "max_tokens": 12, "logprobs": 2}),
    ("/tokenize", {"prompt": "She was very  much obliged."}),
    ("/v1/score", {"text": 7}),
]


class Load:
    """Clients of a service: some ask, some leave, some send slowly, and one reloads the model.

    Attributes:
        answers: How many answers had each status; 0 for a connection that was closed without one.
        times: When each quick request was sent, and how long it took, in seconds.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._end = time.monotonic() + SECONDS
        self.answers: Counter[int] = Counter()
        self.times: list[tuple[float, float]] = []
        self.left = self.slow = self.reloads = 0
        self._threads = [threading.Thread(target=work) for work in (self._ask, self._ask, self._leave, self._drip)]
        self._threads.append(threading.Thread(target=self._reload))

    def start(self) -> None:
        """Start all clients."""
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Wait for the end of all clients."""
        for thread in self._threads:
            thread.join()

    @property
    def is_running(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self._end

    def _ask(self) -> None:
        rng = random.Random(threading.get_ident())
        while self.is_running:
            path, body = rng.choice(BODIES)
            began = time.monotonic()
            self.answers[self._sent(post(path, json.dumps(body).encode())).status] += 1
            self.times.append((began, time.monotonic() - began))

    def _leave(self) -> None:
        body = json.dumps({"prompt": "It is", "max_tokens": 1000, "stream": True}).encode()
        while self.is_running:
            with RawClient(self._port) as client:
                client.send(post("/v1/completions", body))
                client.receive_until(b"data:")
            self.left += 1
            time.sleep(0.3)

    def _drip(self) -> None:
        while self.is_running:
            with RawClient(self._port) as client:
                for byte in get("/v1/models")[:40]:
                    client.send(bytes([byte]))
                    time.sleep(0.02)
            self.slow += 1

    def _reload(self) -> None:
        while self.is_running:
            time.sleep(min(5.0, SECONDS / 3))
            self.answers[self._sent(post("/admin/reload", b"")).status] += 1
            self.reloads += 1

    def _sent(self, request: bytes) -> RawAnswer:
        with RawClient(self._port) as client:
            client.socket.settimeout(PATIENCE)
            client.send(request)
            return client.receive_all()


def _facts(process: ServeProcess) -> tuple[float, int]:
    """Return the memory of a process in MB, and how many files it has open."""
    status = Path(f"/proc/{process.process.pid}/status").read_text("utf-8")
    kilobytes = int(status.partition("VmRSS:")[2].split()[0])
    return kilobytes / 1024, len([*Path(f"/proc/{process.process.pid}/fd").iterdir()])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.timeout(SECONDS + 600)
def test_memory_files_and_times_stay_flat_under_mixed_load(trust_cases: TrustCases) -> None:
    settings = {"NEXTWORD_SERVE_MAX_PREFIXES": "32"}
    with serve_process(sample_model_path("austen"), environment=settings) as process:
        load, samples = Load(process.port), list[tuple[float, float, int]]()
        began = time.monotonic()
        load.start()
        while load.is_running:
            samples.append((time.monotonic(), *_facts(process)))
            time.sleep(min(1.0, SECONDS / 20))
        load.finish()
        end = exchange(process.port, get("/metrics")).body.decode()
        time.sleep(1)
        _, num_files = _facts(process)
        process.signal(signal.SIGTERM)
        assert process.exit_code() in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
    assert load.reloads > 0
    assert load.left > 0
    assert load.slow > 0
    assert set(load.answers) <= {200, 400}, load.answers
    assert num_files <= samples[0][2] + 8, end
    figures = {"max_files": max(files for *_, files in samples), "max_mb": max(size for _, size, _ in samples)}
    if SECONDS >= 600:  # in less time, neither has settled
        figures |= {
            "max_growth": _growth([(at, size) for at, size, _ in samples if at - began >= SECONDS - TAIL]),
            "max_drift": _drift(load.times, began),
        }
        assert figures["max_growth"] <= MAX_GROWTH, figures
        assert figures["max_drift"] <= MAX_DRIFT, figures
    trust_cases.add(
        sum(load.answers.values()) + load.left + load.slow,
        sum(load.answers.values()) + load.left + load.slow,
        **figures,
    )


def _growth(samples: Sequence[tuple[float, float]]) -> float:
    """Return by how many MB the memory grows a minute: the line of least squares through the least of each 10 seconds.

    A reload holds two models for a moment. How many samples meet such a moment is chance, and each weighs 60 MB.
    """
    least: dict[int, float] = {}
    for at, megabytes in samples:
        window = int(at // PERIOD)
        least[window] = min(megabytes, least.get(window, megabytes))
    return float(np.polyfit(np.array([*least]) * PERIOD / 60, [*least.values()], 1)[0])


@pytest.mark.parametrize("leak", [0.0, 0.5, 2.0])
def test_a_leak_is_measured_below_what_reloads_hold_for_a_moment(leak: float) -> None:
    rng = random.Random(1)
    samples = [(float(at), 200 + leak * at / 60 + 60 * (rng.random() < 0.2) + rng.random()) for at in range(540)]
    assert _growth(samples) == pytest.approx(leak, abs=0.1)


def _drift(times: list[tuple[float, float]], began: float) -> float:
    """Return the 99th percentile of the last third of the requests by that of the second."""
    ends = [began + SECONDS * third / 3 for third in (1, 2, 3)]
    thirds = [[took for at, took in times if first <= at < last] for first, last in pairwise(ends)]
    before, after = (float(np.quantile(third, 0.99)) for third in thirds)
    return after / before
