"""The programs that are given the same minutes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import nextword.benchmark
from nextword.benchmark.catalogue import KEPT_MEMORY
from nextword.benchmark.interpreters import own_interpreter, pytorch_interpreter
from nextword.errors import SettingError
from nextword.settings import unknown_name

_PROGRAMS = Path(nextword.benchmark.__file__).parent / "peers"
_KERAS = {"KERAS_BACKEND": "jax"}


@dataclass(frozen=True)
class Contestant:
    """A program that trains for some minutes, in a process of its own.

    Attributes:
        name: What it is called in table and JSON.
        program: A Python file that speaks the protocol of `peers/quality_protocol.py`.
        interpreter: Finds the Python that runs it, or raises `PeerError`.
        environment: Environment variables beside the inherited ones.
    """

    name: str
    program: Path
    interpreter: Callable[[], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)


def contestants(*, pytorch: str | None = None) -> dict[str, Contestant]:
    """Return all of them by name, in the order in which they run.

    Args:
        pytorch: A Python with PyTorch; looked for where not given.
    """
    torch = partial(pytorch_interpreter, pytorch)
    entries = [
        Contestant("nextword", _PROGRAMS / "quality_nextword.py", own_interpreter, _KERAS),
        Contestant("transformer", _PROGRAMS / "quality_transformer.py", torch, KEPT_MEMORY),
        Contestant("word_language_model", _PROGRAMS / "quality_word_language_model.py", torch, KEPT_MEMORY),
        Contestant("tutorial", _PROGRAMS / "quality_tutorial.py", own_interpreter, _KERAS),
    ]
    return {entry.name: entry for entry in entries}


def chosen(entries: dict[str, Contestant], names: str | None) -> list[Contestant]:
    """Return those that were asked for by their names with commas between them, or all of them.

    Raises:
        SettingError: A name is not known.
    """
    wanted = list(entries) if names in (None, "all") else [name.strip() for name in str(names).split(",")]
    for name in wanted:
        if name not in entries:
            raise SettingError(unknown_name("peer", name, [*entries, "all"]))
    return [entry for name, entry in entries.items() if name in wanted]
