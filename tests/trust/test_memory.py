"""Texts larger than the memory: what reading, encoding and evaluation take does not grow with the text."""

import json
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.inference.evaluation.perplexity import evaluate
from support.toy_engine import ToyEngine
from support.trust_cases import TrustCases, trust_amount

MAX_MB = 300
BLOCK = 2**22

PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from nextword.text.corpus import Corpus
from nextword.text.options import TextOptions

def peak(who):
    return resource.getrusage(who).ru_maxrss / 1024

if __name__ == "__main__":
    before, began = peak(resource.RUSAGE_SELF), time.monotonic()
    corpus = Corpus.load(Path(sys.argv[1]), TextOptions(tokenizer="word"), cache_dir=Path(sys.argv[2]))
    most = max(peak(resource.RUSAGE_SELF), peak(resource.RUSAGE_CHILDREN))
    reads = [split.report.read.num_bytes for split in (corpus.train, corpus.valid, corpus.test)]
    print(json.dumps([most - before, time.monotonic() - began, sum(reads)]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
def test_a_large_text_is_encoded_in_little_memory(tmp_path: Path, trust_cases: TrustCases) -> None:
    num_blocks = trust_amount(16, 512)
    chosen = random.Random(0)
    words = ["".join(chosen.choices("etaoinshrdlu", k=chosen.randint(2, 9))) for _ in range(50_000)]
    lines = [" ".join(words[min(int(chosen.paretovariate(0.6)), 49_999)] for _ in range(15)) for _ in range(40_000)]
    block = "\n".join(lines).encode()[: BLOCK - 1] + b"\n"
    with (tmp_path / "large.txt").open("wb") as file:
        for _ in range(num_blocks):
            file.write(block)
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    command = [tmp_path / "program.py", tmp_path / "large.txt", tmp_path / "cache"]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    megabytes, seconds, num_bytes = json.loads(done.stdout)
    assert num_bytes == num_blocks * len(block)
    assert megabytes < MAX_MB
    trust_cases.add(max_mb=megabytes, text_mb=num_bytes / 1e6, mb_per_second=num_bytes / 1e6 / seconds)


def peak_of_evaluation(ids: NDArray[np.int32]) -> int:
    tracemalloc.start()
    evaluate(ToyEngine(5, 0), ids, batch_size=8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def tokens_on_disk(path: Path, number: int) -> NDArray[np.int32]:
    """Return tokens that are mapped into memory, as those of a split are."""
    ids = np.memmap(path, np.int32, "w+", shape=(number,))
    ids[:] = np.arange(number) % 5
    return ids


def test_evaluation_takes_the_same_memory_for_a_longer_text(tmp_path: Path) -> None:
    length = trust_amount(20_000, 100_000)
    peak_of_evaluation(tokens_on_disk(tmp_path / "first", 5_000))  # loads what is loaded once
    short, long = (peak_of_evaluation(tokens_on_disk(tmp_path / f"{n}", n)) for n in (length, 4 * length))
    assert long - short < length, "less than a third of a byte for each further token"
