"""The peers of the training benchmark, and their speed."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from harness.interpreters import KEPT_MEMORY, Interpreter, interpreter_with, own_interpreter
from harness.process import PeerError
from harness.report import quartiles, ratio
from harness.rotation import Peer
from harness.workload import Workload
from nextword.system.framework import ComputeDtype

PRODUCTS = "product-peak"

COMPARED = {
    **dict.fromkeys(("pytorch-bfloat16", "pytorch-float32", "keras-jax"), "nextword"),
    "tutorial": "nextword-tutorial",
    "pytorch-bfloat16-kept-memory": "nextword",
}
"""What a peer is compared with: nextword at the same workload."""

_KERAS = {"KERAS_BACKEND": "jax"}


def peers_of(workload: Workload, pytorch: str | None = None) -> dict[str, tuple[Peer, Workload]]:
    """Return all peers by name with what each trains: the workload, or the tutorial's for two of them."""
    torch, own = (_of_plain(find, workload) for find in (partial(interpreter_with, "torch", pytorch), own_interpreter))
    tutorial = Workload.of("tutorial", compute_dtype=workload.compute_dtype)
    dtypes: tuple[ComputeDtype, ...] = ("float32", "bfloat16")
    float32, bfloat16 = (replace(workload, compute_dtype=dtype) for dtype in dtypes)
    rows: list[tuple[str, str, Workload, Interpreter, dict[str, str]]] = [
        ("nextword", "ours.py", workload, own_interpreter, _KERAS),
        ("keras-jax", "keras_jax.py", workload, own, _KERAS),
        ("pytorch-float32", "pytorch.py", float32, torch, {}),
        ("pytorch-bfloat16", "pytorch.py", bfloat16, torch, {}),
        ("pytorch-bfloat16-kept-memory", "pytorch.py", bfloat16, torch, KEPT_MEMORY),
        ("nextword-tutorial", "ours.py", tutorial, own_interpreter, _KERAS),
        ("tutorial", "tutorial.py", tutorial, own_interpreter, _KERAS),
        (PRODUCTS, "products.py", workload, own_interpreter, _KERAS),
    ]
    return {
        name: (Peer(name, program, work.to_table(), interpreter, environment), work)
        for name, program, work, interpreter, environment in rows
    }


def speed_of(peer: Peer, workload: Workload, peaks: dict[str, float]) -> dict[str, Any]:
    """Return the quartiles of words per second, useful operations, and their share of the peak in that precision."""
    lower, median, upper = (workload.words_per_step / seconds for seconds in reversed(quartiles(peer.seconds["step"])))
    gflops = median * workload.flops_per_word / 1e9
    return {
        "words_per_second": median,
        "lower": lower,
        "upper": upper,
        "useful_gflops": gflops,
        "peak_share": ratio(gflops, peaks.get(peer.description["dtype"])),
        **peer.to_record(),
    }


def peaks_of(seconds: dict[str, list[float]]) -> dict[str, float]:
    """Return the speed of the fastest product of each precision in GFLOP/s.

    Example:
        >>> peaks_of({"float32 100x100x100": [0.001], "float32 10x10x10": [0.001]})
        {'float32': 2.0}
    """
    peaks: dict[str, float] = {}
    for task, samples in seconds.items():
        dtype, shape = task.split()
        rows, inner, columns = map(int, shape.split("x"))
        peaks[dtype] = max(peaks.get(dtype, 0.0), 2 * rows * inner * columns / 1e9 / quartiles(samples)[1])
    return peaks


def _of_plain(interpreter: Interpreter, workload: Workload) -> Interpreter:
    """Return the interpreter of a peer that trains only plain LSTMs; none for another model."""

    def refuse() -> Sequence[str]:
        names = "`, `".join(workload.beyond_plain)
        raise PeerError(f"trains a plain LSTM and has no `{names}`; leave that out to compare")

    return refuse if workload.beyond_plain else interpreter
