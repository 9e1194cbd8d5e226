"""The peers of the inference benchmark, in groups that take turns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.inference.settings import Effort, ModelSize
from harness.inference.work import InferenceWork, Precision
from harness.speed.interpreters import own_interpreter, pytorch_interpreter
from harness.speed.peer import PROGRAMS, PeerOf
from nextword.machine.capacity import read_capacity
from nextword.machine.processor import read_processor

STEP, SCORE = "step", "score"
# In single steps of one text, PyTorch's LSTM is faster without oneDNN, which few of its users know.
WITHOUT_ONEDNN = "pytorch-step-float32-without-onednn"
START, LOAD, KEYS = "nextword-start", "nextword-load", "nextword-keys"

# A buffer several times as large as the last cache is read from memory, not from the cache.
_CACHES, _LEAST_BUFFER, _LARGEST_BUFFER = 4, 2**27, 2**30

InferencePeer = PeerOf[InferenceWork]


@dataclass(frozen=True)
class Group:
    """Peers that take turns.

    Attributes:
        peers: The peers.
        repeats: Number of turns of each.
        steps: Number of steps in a turn.
    """

    peers: Sequence[InferencePeer]
    repeats: int
    steps: int


def name_of(what: str, by: str, precision: Precision) -> str:
    """Return what a peer is called.

    Example:
        >>> name_of(SCORE, "pytorch", "int8")
        'pytorch-score-int8'
    """
    return f"{by}-{what}-{precision}"


def groups(size: ModelSize, effort: Effort, folder: Path, *, pytorch: str | None = None) -> list[Group]:
    """Return all groups, in the order in which they are measured.

    Args:
        size: How large the model is.
        effort: How much is measured.
        folder: Where the models and the sentences are.
        pytorch: A Python with PyTorch; one is searched for if it is not given.
    """
    of = partial(InferenceWork, size=size, folder=folder)
    cores = read_capacity().cores
    torch = partial(pytorch_interpreter, pytorch)
    steps = [
        _peer(STEP, "nextword", of(precision="int8", buffer_bytes=buffer_bytes())),
        _peer(STEP, "pytorch", of(precision="int8"), torch),
        _peer(STEP, "nextword", of(precision="float32")),
        _peer(STEP, "pytorch", of(precision="float32"), torch),
        InferencePeer(
            WITHOUT_ONEDNN, PROGRAMS / "inference_pytorch_step.py", of(precision="float32", onednn=False), torch
        ),
    ]
    scores = [
        _peer(SCORE, "nextword", of(precision="int8", num_threads=cores)),
        _peer(SCORE, "nextword", of(precision="float32", num_threads=cores)),
        _peer(SCORE, "pytorch", of(precision="float32", num_threads=cores), torch),
        _peer(SCORE, "pytorch", of(precision="int8", num_threads=cores), torch),
    ]
    alone = {
        name: InferencePeer(name, PROGRAMS / f"inference_{what}.py", of(precision="int8"), own_interpreter)
        for name, what in ((START, "start"), (LOAD, "load"), (KEYS, "keys"))
    }
    return [
        Group(steps, effort.turns, effort.steps),
        Group(scores, effort.turns, 1),
        Group([alone[START], alone[LOAD]], effort.starts, 1),
        Group([alone[KEYS]], effort.turns, effort.keys_per_turn),
    ]


def buffer_bytes() -> int:
    """Return how much must be read for it to come from memory."""
    largest = max(read_processor().caches.values(), default=0)
    return min(max(_CACHES * largest, _LEAST_BUFFER), _LARGEST_BUFFER)


def _peer(
    what: str, by: str, work: InferenceWork, interpreter: Callable[[], Sequence[str]] = own_interpreter
) -> InferencePeer:
    program = PROGRAMS / (f"inference_{what}.py" if by == "nextword" else f"inference_{by}_{what}.py")
    return InferencePeer(name_of(what, by, work.precision), program, work, interpreter)
