"""The peers of the training benchmark."""

from collections.abc import Callable, Sequence
from functools import partial

from harness.speed.interpreters import own_interpreter, pytorch_interpreter
from harness.speed.peer import PROGRAMS, Peer, PeerError
from harness.speed.workload import Workload
from nextword.errors import SettingError
from nextword.machine.framework import ComputeDtype
from nextword.settings import unknown_name

Interpreter = Callable[[], Sequence[str]]
"""Finds the Python that runs a program, or raises `PeerError`."""

OURS, OURS_AT_TUTORIAL, PRODUCT_PEAK = "nextword", "nextword-tutorial", "product-peak"

# Ratios that every report has, by the peer that nextword is compared with.
RATIOS = ("pytorch-bfloat16", "pytorch-float32", "keras-jax", "tutorial")

# By default glibc returns freed memory of this size and faults it in again in every step.
KEPT_MEMORY = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000"}


def catalogue(workload: Workload, *, pytorch: str | None = None) -> dict[str, Peer]:
    """Return all peers by name.

    Args:
        workload: The workload of all peers except `tutorial` and `nextword-tutorial`, which have the tutorial's.
        pytorch: A Python with PyTorch; one is searched for if it is not given.
    """
    tutorial = Workload.of("tutorial", compute_dtype=workload.compute_dtype)
    torch = _of_plain_models(partial(pytorch_interpreter, pytorch), workload)
    peers = [
        ours(workload),
        _peer(
            "keras-jax",
            "keras_jax",
            workload,
            interpreter=_of_plain_models(own_interpreter, workload),
            compared_with=OURS,
        ),
        _pytorch("pytorch-float32", workload, "float32", torch),
        _pytorch("pytorch-bfloat16", workload, "bfloat16", torch),
        _pytorch("pytorch-bfloat16-kept-memory", workload, "bfloat16", torch, KEPT_MEMORY),
        _peer(OURS_AT_TUTORIAL, "ours", tutorial),
        _peer("tutorial", "tutorial", tutorial, compared_with=OURS_AT_TUTORIAL),
        product_peak(workload),
    ]
    return {peer.name: peer for peer in peers}


def ours(workload: Workload) -> Peer:
    """Return nextword as a peer."""
    return _peer(OURS, "ours", workload)


def product_peak(workload: Workload) -> Peer:
    """Return the peer that only multiplies matrices."""
    return _peer(PRODUCT_PEAK, "products", workload)


def chosen(peers: dict[str, Peer], names: str | None) -> list[Peer]:
    """Return the peers named in a comma-separated list, or all of them.

    Raises:
        SettingError: A name is not that of a peer.
    """
    wanted = list(peers) if names in (None, "all") else [name.strip() for name in str(names).split(",")]
    for name in wanted:
        if name not in peers:
            raise SettingError(unknown_name("peer", name, [*peers, "all"]))
    return [peer for name, peer in peers.items() if name in wanted]


def _of_plain_models(interpreter: Interpreter, workload: Workload) -> Interpreter:
    """Return the interpreter of a peer that trains only plain LSTMs; none for another model."""
    beyond = workload.beyond_plain
    if not beyond:
        return interpreter

    def refuse() -> Sequence[str]:
        raise PeerError(f"trains a plain LSTM and has no `{'`, `'.join(beyond)}`; leave that out to compare")

    return refuse


def _peer(
    name: str,
    program: str,
    workload: Workload,
    *,
    interpreter: Interpreter = own_interpreter,
    compared_with: str | None = None,
) -> Peer:
    return Peer(
        name,
        PROGRAMS / f"{program}.py",
        workload,
        interpreter,
        environment={"KERAS_BACKEND": "jax"},
        compared_with=compared_with,
    )


def _pytorch(
    name: str,
    workload: Workload,
    dtype: ComputeDtype,
    interpreter: Interpreter,
    environment: dict[str, str] | None = None,
) -> Peer:
    return Peer(
        name,
        PROGRAMS / "pytorch.py",
        workload.in_precision(dtype),
        interpreter,
        environment=environment or {},
        compared_with=OURS,
    )
