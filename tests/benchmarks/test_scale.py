"""`benchmarks/scale.py`, `large_training.py` and `network.py` in their smallest form."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.hosts import Hosts
from harness.links import measure_link
from harness.memory import resident
from harness.process import PeerError, PeerUnableError
from harness.strategies import StrategyWork, forecast, measure_strategy, prefixes_of
from harness.training_group import TrainingGroup, rounds_in
from harness.zipf_text import TOKENS_PER_LINE, WORDS_PER_LINE, ZipfText
from support.benchmark_runs import benchmark

TINY = StrategyWork(
    batch_size=4,
    num_steps=5,
    round_steps=3,
    rounds=2,
    settings=("--hidden-sizes", "4", "--embedding-size", "4", "--maximum-vocabulary", "50", "--start", "random"),
)
SMALL = ZipfText(vocabulary_size=200, seed=3)

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("ip") is None,
    reason="network namespaces need root and iproute2",
)


def test_a_text_is_read_in_another_process(tmp_path: Path) -> None:
    sizes = ("--size", "1", "--words", "1000", "--maximum-vocabulary", "500")
    done = benchmark("scale", "--only", "text", *sizes, "--processes", "2", "--folder", tmp_path)
    assert done.code == 0, done.errors
    (line,) = done.lines("text")
    assert 2**20 <= line["num_bytes"] < 2**20 + 200
    assert (line["vocabulary_size"], line["processes"]) == (500, 2)
    assert line["num_tokens"] == pytest.approx(TOKENS_PER_LINE * line["num_bytes"] / 61, rel=0.2)
    assert line["mb_per_s"] > 0
    assert line["library_mb_per_s"] > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_training_on_a_generated_text_is_measured() -> None:
    sizes = ("--size", "1", "--words", "500", "--maximum-vocabulary", "300", "--held-out", "2000")
    done = benchmark("large_training", *sizes, "--batch-size", "8", "--round-steps", "5", "--train-words", "6000")
    assert done.code == 0, done.errors
    (line,) = done.lines("training")
    assert (line["vocabulary_size"], line["num_words"]) == (300, 6000)
    for task in ("windows", "training"):
        for part in ("early", "late"):
            assert all(value > 0 for value in line[f"{task}_{part}"].values())
    assert line["entropy"] < line["valid_loss"] < log(300)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("strategy", ["data-parallel", "population", "local-steps"])
def test_two_processes_are_measured(strategy: Any) -> None:
    found = measure_strategy(TINY, strategy, prefixes_of(2, [0]), cores=1, timeout=500, one_process=1000.0)
    assert (found["strategy"], found["processes"], len(found["rounds"])) == (strategy, 2, TINY.rounds)
    assert found["words_per_s"] > 0
    assert found["efficiency"] == pytest.approx(found["words_per_s"] / 1000, abs=1e-3)


@needs_root
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_gradients_are_summed_over_links_of_limited_speed() -> None:
    done = benchmark("network", "--no-speed", "--no-cut", "--rate", "0.5")
    if "run it as root" in done.errors:  # a container without the right to do so
        pytest.skip(done.errors)
    unlimited, limited = done.lines("sum")
    assert (unlimited["network"], limited["network"]) == ("no limit", "0.5 Gb/s")
    assert limited["gbps"] < 0.6
    assert limited["num_bytes"] == 4 * StrategyWork().num_parameters


@needs_root
def test_hosts_reach_each_other_until_a_link_is_cut() -> None:
    core = min(os.sched_getaffinity(0))
    try:
        with Hosts(2) as hosts:
            prefixes = [hosts.prefix(number, core) for number in range(2)]
            hosts.limit(0.1)
            assert measure_link(prefixes, hosts.address(0), num_bytes=2**20)["gbps"] < 1
            hosts.limit(None)
            hosts.cut(1)
            with pytest.raises(PeerError, match=r"the network at 10\.77\.0\.1 cannot be measured"):
                measure_link(prefixes, hosts.address(0), num_bytes=2**20, timeout=2)
            hosts.repair(1)
            measure_link(prefixes, hosts.address(0), num_bytes=2**20)
            own_name = "import socket; print(socket.gethostbyname(socket.gethostname()))"
            named = subprocess.run([*prefixes[1], sys.executable, "-c", own_name], capture_output=True, check=True)
            assert named.stdout.decode().strip() == hosts.address(1)
    except PeerUnableError as error:  # a container without the right to do so
        pytest.skip(str(error))
    assert not list(Path("/run/netns").glob(f"nextword-{os.getpid()}-*"))
    assert not list(Path("/etc/netns").glob(f"nextword-{os.getpid()}-*"))


def test_what_a_machine_cannot_do_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PeerUnableError, match="iproute2"), Hosts(1):
        pass


def test_a_forecast_for_shared_cores_is_for_slower_machines() -> None:
    measured = {"strategy": "population", "network": "loopback", "cores": 2, "words_per_s": 1600}
    for processes in (2, 4):
        found = forecast(
            StrategyWork(),
            {**measured, "processes": processes},
            {32: 1000, 16: 900, 8: 700},
            {"gbps": 1, "latency_ms": 0.1},
        )
        assert (found["forecast"], found["error"]) == (2000, 0.25)


def test_a_half_written_line_of_a_log_is_left_out(tmp_path: Path) -> None:
    assert rounds_in(tmp_path) == []
    (tmp_path / "log.jsonl").write_text(json.dumps({"round": 1}) + '\n{"rou', encoding="utf-8")
    assert rounds_in(tmp_path) == [[{"round": 1}]]


def test_a_process_that_cannot_be_started_leaves_no_other_behind(tmp_path: Path) -> None:
    group = TrainingGroup(["--help"], [["sh", "-c", "exec sleep 100"], [str(tmp_path / "missing")]], tmp_path)
    with pytest.raises(FileNotFoundError), group:
        pytest.fail("all were started")
    assert [process.returncode for process in group.processes] == [-signal.SIGKILL]


def test_memory_counts_the_processes_that_a_process_started() -> None:
    child = "import time; block = bytearray(10**8); print(flush=True); time.sleep(600)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert resident(process.pid).own > 10**8
        os.killpg(process.pid, signal.SIGKILL)


def test_a_generated_text_has_its_entropy_and_follows_the_law() -> None:
    """The mean of -log p over the words that were drawn differs from the entropy by four deviations at most."""
    text = b"".join(SMALL.blocks(2_000_000))
    assert text.startswith(b"".join(SMALL.blocks(10_000)))
    words = text.replace(b",", b"").replace(b".", b"").split()
    assert len(words) == WORDS_PER_LINE * text.count(b"\n")
    known = {word: float(p) for word, p in zip(SMALL._words, SMALL.probabilities, strict=True)}
    losses = np.array([-log(known[word]) for word in words])
    assert losses.mean() == pytest.approx(SMALL.word_entropy, abs=4 * losses.std() / len(losses) ** 0.5)
    assert SMALL.token_entropy == pytest.approx(SMALL.word_entropy * WORDS_PER_LINE / TOKENS_PER_LINE)
    counts = Counter(words)
    assert counts[SMALL._words[0]] / counts[SMALL._words[9]] == pytest.approx(10, rel=0.1)
    first = SMALL.probabilities[:10]
    expected = -(first * np.log(first)).sum() - (1 - first.sum()) * np.log(1 - first.sum())
    assert SMALL.token_entropy_of(10) == pytest.approx(expected * WORDS_PER_LINE / TOKENS_PER_LINE)
