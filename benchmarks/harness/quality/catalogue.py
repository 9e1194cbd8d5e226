"""The programs that train for the same minutes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.speed.catalogue import KEPT_MEMORY
from harness.speed.interpreters import own_interpreter, pytorch_interpreter
from harness.speed.peer import PROGRAMS
from nextword.errors import SettingError
from nextword.settings import unknown_name

_KERAS = {"KERAS_BACKEND": "jax"}


@dataclass(frozen=True)
class QualityPeer:
    """A program that trains for some minutes, in a separate process.

    Attributes:
        name: Name in table and JSON.
        program: A Python file that speaks the protocol of `peers/quality_protocol.py`.
        interpreter: Finds the Python that runs it, or raises `PeerError`.
        environment: Environment variables beside the inherited ones.
    """

    name: str
    program: Path
    interpreter: Callable[[], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)


def catalogue(*, pytorch: str | None = None) -> dict[str, QualityPeer]:
    """Return all peers by name, in the order in which they run.

    Args:
        pytorch: A Python with PyTorch; one is searched for if it is not given.
    """
    torch = partial(pytorch_interpreter, pytorch)
    peers = [
        QualityPeer("nextword", PROGRAMS / "quality_nextword.py", own_interpreter, _KERAS),
        QualityPeer("transformer", PROGRAMS / "quality_transformer.py", torch, KEPT_MEMORY),
        QualityPeer("word_language_model", PROGRAMS / "quality_word_language_model.py", torch, KEPT_MEMORY),
        QualityPeer("tutorial", PROGRAMS / "quality_tutorial.py", own_interpreter, _KERAS),
    ]
    return {peer.name: peer for peer in peers}


def chosen(peers: dict[str, QualityPeer], names: str | None) -> list[QualityPeer]:
    """Return the peers named in a comma-separated list, or all of them.

    Raises:
        SettingError: A name is not that of a peer.
    """
    wanted = list(peers) if names in (None, "all") else [name.strip() for name in str(names).split(",")]
    for name in wanted:
        if name not in peers:
            raise SettingError(unknown_name("peer", name, [*peers, "all"]))
    return [peer for name, peer in peers.items() if name in wanted]
