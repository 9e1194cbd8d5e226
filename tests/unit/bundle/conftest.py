import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nextword.bundle.bundle import Bundle
from nextword.bundle.store import read_bundle, write_bundle
from nextword.errors import BundleError
from nextword.model.architecture import Architecture
from nextword.system import sealed_directory
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.random_weights import random_weights

FILES = (
    *("config.json", "vocabulary.json", "spelling.json", "weights.safetensors", "model.onnx"),
    *("README.md", "history.jsonl", "mixture.json", "ngrams.bin", "MANIFEST.json"),
)
MAX_MEMORY = 3 * 2**20


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """A model of 320 parameters."""
    architecture = Architecture(vocabulary_size=6, embedding_size=3, hidden_sizes=(4, 4), hidden_dropout_rate=0.5)
    tokenizer = Tokenizer("word", "line", Vocabulary(("<unk>", "<eos>", "It", "is", "so", ", ")))
    weights = random_weights(architecture)
    return Bundle("tiny-1.0", architecture, tokenizer, weights, "# tiny\n\n\N{GREEK SMALL LETTER ALPHA}\n")


@pytest.fixture
def path(tmp_path: Path, bundle: Bundle) -> Path:
    """Where that model lies."""
    path = tmp_path / "models" / "tiny"
    write_bundle(path, bundle)
    return path


@pytest.fixture
def slim_path(tmp_path: Path, bundle: Bundle) -> Path:
    """Where that model lies as a slim bundle, with something for onnxruntime."""
    path = tmp_path / "models" / "slim"
    write_bundle(path, replace(bundle, onnx=bytes(range(256)) * 2).to_slim())
    return path


@pytest.fixture
def files(path: Path) -> dict[str, bytes]:
    """The files of that model."""
    return sealed_directory.read(path)


class Watch:
    """What the interpreter did while it was watched: the audit events of this process."""

    def __init__(self) -> None:
        self.active = False
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.active:
            self.events.append((event, arguments))

    @contextmanager
    def during(self) -> Iterator[None]:
        """Watch what happens inside of the `with`."""
        self.events.clear()
        self.active = True
        try:
            yield
        finally:
            self.active = False

    def outside(self, path: Path) -> list[tuple[str, tuple[Any, ...]]]:
        """Return what happened besides the reading of the bundle at `path`."""
        assert self.events
        return [event for event in self.events if not _is_harmless(*event, path)]


def _is_harmless(event: str, arguments: tuple[Any, ...], path: Path) -> bool:
    """Whether an event is the opening or listing of the bundle itself, or of a file in it by a plain name.

    Files are opened relative to the open directory, which the event does not show; the working directory holds decoys
    of the same names, so that a file opened relative to that one would be seen by what is read from it.
    """
    if event == "os.scandir":
        return isinstance(arguments[0], int)
    if event != "open":
        return False
    name, mode, flags = arguments
    reads = mode in (None, "r") and not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    known = isinstance(name, int) or name in {str(path), str(path.with_name(f".aside-{path.name}"))} | set(FILES)
    return reads and known


@pytest.fixture(scope="session")
def watch() -> Watch:
    return Watch()


@pytest.fixture
def refusal(tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that returns the sentence with which a bundle is refused, after checking what that took."""
    (tmp_path / "decoys").mkdir()
    for name in FILES:
        (tmp_path / "decoys" / name).write_bytes(b"decoy")
    monkeypatch.chdir(tmp_path / "decoys")

    def refusal_of(path: Path, **options: Any) -> str:
        tracemalloc.start()
        try:
            with watch.during(), pytest.raises(BundleError) as error:
                read_bundle(path, **options)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert watch.outside(path) == []
        assert peak < MAX_MEMORY
        message = str(error.value)
        assert message.startswith(f"`{path}` ")
        assert "\n" not in message
        assert len(message) < 1200 + len(str(path))
        return message

    return refusal_of
