"""`benchmarks/scale.py` and `large_training.py` in their smallest form."""

import os
import signal
import subprocess
import sys
from collections import Counter
from math import log
from pathlib import Path

import numpy as np
import pytest

from harness.memory import resident
from harness.zipf_text import TOKENS_PER_LINE, WORDS_PER_LINE, ZipfText
from support.benchmark_runs import benchmark

SMALL = ZipfText(vocabulary_size=200, seed=3)


def test_a_text_is_read_in_another_process(tmp_path: Path) -> None:
    sizes = ("--size", "1", "--words", "1000", "--maximum-vocabulary", "500")
    done = benchmark("scale", *sizes, "--processes", "2", "--folder", tmp_path)
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
