"""Every writer of nextword meets every fault at every system call: what was acknowledged is never lost."""

import errno
import os
import random
import shutil
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from nextword.bundle.store import read_bundle, write_bundle
from nextword.display.page.html_file import write_html
from nextword.engine.mixture.arpa import arpa_words, write_arpa
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.errors import StorageError
from nextword.inference.suggestion.user_words import UserWords
from nextword.system import cache, sealed_directory
from nextword.text.corpus import Corpus
from nextword.text.options import TextOptions
from nextword.training.checkpoint_store import CheckpointStore
from support.checkpoint_stores import assert_whole, best_of, filled_store, newest_of, save
from support.system_faults import Fault, changing_calls, traced
from support.tiny_bundle import tiny_bundle
from support.trust_cases import TrustCases, trust_amount

REFUSED = 3
"""Exit code of a writer that reported the fault as an error of the disk."""

PROSE = "".join(f"It is a truth number {number}, that a man must be in want of a wife.\n\n" for number in range(150))


class Writer(Protocol):
    """Something that writes, and what must be true of its files."""

    def prepare(self, root: Path) -> None:
        """Write what is there before the fault, which is acknowledged."""

    def write(self, root: Path) -> None:
        """Write more."""

    def check(self, root: Path, *, acknowledged: bool) -> None:
        """Check that the old or the new state is whole, the new one if it was acknowledged."""


class Checkpoints:
    def prepare(self, root: Path) -> None:
        filled_store(root / "checkpoints")

    def write(self, root: Path) -> None:
        save(CheckpointStore(root / "checkpoints"), 4, best=True)

    def check(self, root: Path, *, acknowledged: bool) -> None:
        said: list[str] = []
        store = CheckpointStore(root / "checkpoints", said.append)
        newest, best = newest_of(store).step, best_of(store).step
        assert (newest, best) in ([(4, 4)] if acknowledged else [(3, 1), (4, 4)])
        assert_whole(root / "checkpoints", {1, 2, 3} if newest == 3 else {1, 3, 4})
        save(store, 5)
        assert_whole(root / "checkpoints", {newest, best, 5})
        assert said == []


class Bundles:
    old, new = tiny_bundle("old", seed=1, mixes=True), tiny_bundle("new", seed=2)

    def prepare(self, root: Path) -> None:
        write_bundle(root / "model", self.old)

    def write(self, root: Path) -> None:
        write_bundle(root / "model", self.new, replace=True)

    def check(self, root: Path, *, acknowledged: bool) -> None:
        found = read_bundle(root / "model")
        assert found.name in (["new"] if acknowledged else ["old", "new"])
        right = self.new if found.name == "new" else self.old
        assert all(np.array_equal(array, right.weights[name]) for name, array in found.weights.items())
        assert (found.mixture is None) == (right.mixture is None)


class OneFile:
    def prepare(self, root: Path) -> None:
        write_html(root / "model.html", Bundles.old)
        self.states = [(root / "model.html").read_bytes()]
        write_html(root / "new.html", Bundles.new)
        self.states.append((root / "new.html").read_bytes())

    def write(self, root: Path) -> None:
        write_html(root / "model.html", Bundles.new)

    def check(self, root: Path, *, acknowledged: bool) -> None:
        assert (root / "model.html").read_bytes() in self.states[int(acknowledged) :]


class NgramModel:
    def _written(self, path: Path, seed: int) -> None:
        ids = np.random.default_rng(seed).integers(4, size=300, dtype=np.int32)
        model = KneserNeyModel.fit(ids, 3, vocabulary_size=4, end_id=0)
        words = arpa_words(("<eos>", "<unk>", "a", "b"), end="<eos>", unknown="<unk>")
        write_arpa(path, model, words, end_id=0)

    def prepare(self, root: Path) -> None:
        self._written(root / "model.arpa", 1)
        self._written(root / "new.arpa", 2)
        self.states = [(root / name).read_bytes() for name in ("model.arpa", "new.arpa")]

    def write(self, root: Path) -> None:
        self._written(root / "model.arpa", 2)

    def check(self, root: Path, *, acknowledged: bool) -> None:
        assert (root / "model.arpa").read_bytes() in self.states[int(acknowledged) :]


class Words:
    def prepare(self, root: Path) -> None:
        self._words("old").save(root / "words.json")

    def write(self, root: Path) -> None:
        self._words("new").save(root / "words.json")

    def _words(self, word: str) -> UserWords:
        words = UserWords()
        words.learn(word)
        return words

    def check(self, root: Path, *, acknowledged: bool) -> None:
        words = UserWords.load(root / "words.json")
        assert [*words] in ([["new"]] if acknowledged else [["old"], ["new"]])


class TokenStores:
    """The split text, its cut shards, the vocabulary and the token stores; the text is the source of all."""

    def prepare(self, root: Path) -> None:
        (root / "prose.txt").write_text(PROSE, encoding="utf-8")
        self.ids = self._corpus(root, "sound").train.ids.tolist()

    def _corpus(self, root: Path, name: str) -> Corpus:
        return Corpus.load(root / "prose.txt", TextOptions(tokenizer="word"), cache_dir=root / name)

    def write(self, root: Path) -> None:
        self._corpus(root, "cache")

    def check(self, root: Path, *, acknowledged: bool) -> None:
        assert self._corpus(root, "cache").train.ids.tolist() == self.ids
        folders = [entry.path for entry in cache.cache_entries(root / "cache") if entry.kind == "tokens"]
        assert len(folders) == 1
        for folder in folders:
            sealed_directory.verify(folder)


class CacheFolder:
    """A folder is added to a full cache, from which another is removed."""

    def _folder(self, root: Path, digit: str) -> Path:
        def build(empty: Path) -> None:
            (empty / "ids").write_bytes(digit.encode() * 1000)

        return cache.cached_folder(root / "cache" / f"tokens-{digit * 64}", build)

    def prepare(self, root: Path) -> None:
        os.utime(self._folder(root, "1"), (1, 1))
        self._folder(root, "2")

    def write(self, root: Path) -> None:
        os.environ[cache.LIMIT] = "0.0000025"
        self._folder(root, "3")

    def check(self, root: Path, *, acknowledged: bool) -> None:
        for digit in "123":
            assert (self._folder(root, digit) / "ids").read_bytes() == digit.encode() * 1000


WRITERS = [Checkpoints, Bundles, OneFile, NgramModel, Words, TokenStores, CacheFolder]
"""An export and a mixture write a bundle, as `Bundles` does."""


def log_of(writer: Writer, root: Path) -> str:
    """Return the system calls of a writer that nothing disturbs."""
    root.mkdir()
    writer.prepare(root)

    def write() -> int:
        writer.write(root)
        return 0

    ended = traced(write, root)
    assert ended.exit_code == 0
    return ended.log


def points_of(writer: Writer, root: Path) -> list[tuple[str, int]]:
    """Return the calls of a writer that change the disk, in `make test` three of them."""
    points = changing_calls(log_of(writer, root))
    writer.check(root, acknowledged=True)
    shutil.rmtree(root)
    return trust_amount(random.Random(1).sample(points, 3), points)


def survive(writer: Writer, root: Path, fault: Fault) -> bool:
    """Cause a fault, check what is there afterwards, and return whether it took effect."""
    root.mkdir()
    writer.prepare(root)
    number = getattr(errno, fault.what.removeprefix("error="), 0)

    def write() -> int:
        try:
            writer.write(root)
        except StorageError as error:
            return REFUSED if os.strerror(number) in str(error) else 4
        return 0

    ended = traced(write, root, fault)
    assert ended.exit_code in ((-9, 0) if not number else (REFUSED, 0)), (fault, ended.exit_code)
    if ended.exit_code == REFUSED and not fault.lasting:
        assert not [path for path in root.rglob(".*") if path.name.startswith((".tmp-", ".aside-"))], fault
    writer.check(root, acknowledged=ended.exit_code == 0)
    shutil.rmtree(root)
    return ended.fired


@pytest.fixture(params=WRITERS, ids=lambda kind: kind.__name__)
def writer(request: pytest.FixtureRequest) -> Writer:
    made: Writer = request.param()
    return made


def test_a_kill_at_any_call_loses_nothing(writer: Writer, tmp_path: Path, trust_cases: TrustCases) -> None:
    for call, at in points_of(writer, tmp_path / "whole"):
        fired = survive(writer, tmp_path / "killed", Fault(call, at, "signal=KILL"))
        trust_cases.add(int(fired), int(fired), vacuous=int(not fired))


@pytest.mark.slow
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_an_error_at_any_call_loses_nothing(
    writer: Writer, error: str, tmp_path: Path, trust_cases: TrustCases
) -> None:
    for call, at in points_of(writer, tmp_path / "whole"):
        lasting = error == "ENOSPC" and call == "write"
        fired = survive(writer, tmp_path / "failed", Fault(call, at, f"error={error}", lasting))
        trust_cases.add(int(fired), int(fired), vacuous=int(not fired))
