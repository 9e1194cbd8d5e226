"""A text cut into units on disk, shard by shard and in parallel, from which vocabularies and ids are made.

The text is read, cut and counted once. Its shards number their own units, so no process waits for a vocabulary, and
what one remembers is bounded by its shard. The vocabulary then follows from the counts, and the ids from a table for
each shard. A finished shard is a sealed folder: if reading is interrupted, it resumes with the shards that are missing.
"""

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray

from nextword.errors import StorageError, TextError
from nextword.storage import sealed_directory
from nextword.storage.cache import cache_key
from nextword.text import joining
from nextword.text.cut_shard import COUNTS, GROUPS, IDS, PIECES, REPORT, UNITS, ShardTask
from nextword.text.line_ends import choose_line_ends, line_ends_of
from nextword.text.line_runs import LineRuns
from nextword.text.lines import split_lines
from nextword.text.options import LineEnds, OnBadBytes, TokenizerKind
from nextword.text.progress import Task
from nextword.text.reader import TextRange, changed_error
from nextword.text.report import ReadCounts
from nextword.text.shards import shards_of
from nextword.text.vocabulary import END
from nextword.text.worker_pool import run_tasks

_FORMAT = 1
"""Raise this number whenever the same text gives other shards, units or counts."""

SHARD_BYTES = 2**25
"""Bytes of a shard, approximately. What a process remembers of one shard, such as its words, grows with it."""

_PREFIX = ".cutting-"
_KEPT_SECONDS = 7 * 24 * 3600
_BLOCK = 2**20


class CutShard:
    """One shard of a cut text, in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        self.read = ReadCounts(**report["read"])
        self.runs = LineRuns(**report["runs"])
        self.num_segments: int = report["num_segments"]
        self._num_units: int = report["num_units"]
        self._starts: list[tuple[int, int]] = report["starts"]

    @property
    def units(self) -> list[str]:
        """The units in the order of their numbers from 1."""
        text = (self._folder / UNITS).read_bytes().decode("utf-8")
        return text.split("\n") if text else []

    def ids(self) -> Iterator[NDArray[np.int32]]:
        """Yield the number of each unit of the text, a million at a time."""
        for start in range(0, self._num_units, _BLOCK):
            count = min(_BLOCK, self._num_units - start)
            yield np.fromfile(self._folder / IDS, np.dtype("<i4"), count, offset=4 * start)

    def pieces(self, group: int) -> tuple[list[str], NDArray[np.int64]]:
        """Return the pieces of a group, and how often each occurs."""
        (first, before), (last, after) = self._starts[group : group + 2]
        with (self._folder / PIECES).open("rb") as file:
            file.seek(first)
            pieces = file.read(last - first).decode("utf-8").split("\n")[:-1]
        return pieces, np.fromfile(self._folder / COUNTS, np.dtype("<i8"), after - before, offset=8 * before)


class CutText:
    """A text cut into units.

    Attributes:
        shards: Its shards in their order.
        line_ends: What `<eos>` stands for.
    """

    def __init__(self, shards: Sequence[CutShard], line_ends: LineEnds) -> None:
        self.shards = shards
        self.line_ends: LineEnds = line_ends

    @property
    def read(self) -> ReadCounts:
        """The counts of the whole text."""
        counts = ReadCounts()
        for shard in self.shards:
            counts.add(shard.read)
        return counts

    def counts(self) -> Iterator[Counter[str]]:
        """Yield how often each piece occurs, in parts that have no piece in common; `<eos>` is in the first."""
        num_bytes = self.read.num_bytes
        task = Task("counting the words", num_bytes)
        for group in range(GROUPS):
            total: Counter[str] = Counter()
            if not group:
                total[END] += sum(shard.num_segments for shard in self.shards)
            for shard in self.shards:
                pieces, counts = shard.pieces(group)
                for piece, count in zip(pieces, counts.tolist(), strict=True):
                    total[piece] += count
            yield total
            task.advance(num_bytes // GROUPS)


@contextmanager
def cut_text(
    part: TextRange,
    kind: TokenizerKind,
    line_ends: LineEnds | None,
    *,
    on_bad_bytes: OnBadBytes,
    cache: Path,
    processes: int | None = None,
) -> Iterator[CutText]:
    """Cut a text, or use what an earlier call has cut of it; others who want the same wait until the end of the block.

    Args:
        part: The text.
        kind: The tokenizer.
        line_ends: Whether `<eos>` ends each line or each paragraph; `None` to choose by the text.
        on_bad_bytes: Whether bytes that are not UTF-8 are refused or replaced.
        cache: The cache folder.
        processes: How many processes to use (default: one for each core). The result is the same for all numbers.

    Raises:
        TextError: The text cannot be read, has changed, or holds something refused.
        OSError: The disk refused.
    """
    from filelock import FileLock  # slow to import, and rarely needed

    chosen = line_ends or _guess(part)
    cache.mkdir(parents=True, exist_ok=True)
    folder = cut_folder(part, kind, chosen, on_bad_bytes=on_bad_bytes, cache=cache)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        _remove_old(cache, keep=folder)
        text = _cut(folder, part, kind, chosen, on_bad_bytes, processes)
        runs = sum((shard.runs for shard in text.shards), LineRuns())
        right = line_ends_of(runs)
        if line_ends or right == chosen:
            yield text
            return
        shutil.rmtree(folder, ignore_errors=True)
    with cut_text(part, kind, right, on_bad_bytes=on_bad_bytes, cache=cache, processes=processes) as text:
        yield text


def remove_cut_text(
    part: TextRange, kind: TokenizerKind, line_ends: LineEnds, *, on_bad_bytes: OnBadBytes, cache: Path
) -> None:
    """Remove what `cut_text` has left for the next call, because its result is stored."""
    folder = cut_folder(part, kind, line_ends, on_bad_bytes=on_bad_bytes, cache=cache)
    if folder.is_dir():
        shutil.rmtree(folder, ignore_errors=True)


def cut_folder(
    part: TextRange, kind: TokenizerKind, line_ends: LineEnds, *, on_bad_bytes: OnBadBytes, cache: Path
) -> Path:
    """Return the folder in which the shards of a text are kept until its ids are stored."""
    how = (kind, line_ends, on_bad_bytes)
    key = cache_key(_FORMAT, tokenizers.__version__, *how, SHARD_BYTES, part.start, part.sha256)
    return cache / f"{_PREFIX}{key}"


def _cut(
    folder: Path,
    part: TextRange,
    kind: TokenizerKind,
    line_ends: LineEnds,
    on_bad_bytes: OnBadBytes,
    processes: int | None,
) -> CutText:
    shards = shards_of(part, line_ends, SHARD_BYTES)
    folders = [folder / f"shard-{number:06}" for number in range(len(shards))]
    tasks = [
        ShardTask(
            path=str(part.path),
            start=shard.start,
            stop=shard.stop,
            shown=part.shown,
            kind=kind,
            line_ends=line_ends,
            on_bad_bytes=on_bad_bytes,
            sha256=part.sha256 if len(shards) == 1 else "",
            folder=str(place),
        )
        for shard, place in zip(shards, folders, strict=True)
        if not _is_there(place)
    ]
    try:
        if folder.is_dir():
            sealed_directory.remove_leftovers(folder)
        run_tasks(tasks, processes=processes)
        if part.has_changed:
            raise changed_error(part)
    except TextError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return CutText([CutShard(place) for place in folders], line_ends)


def _is_there(folder: Path) -> bool:
    try:
        with sealed_directory.opened(folder):
            return True
    except StorageError:
        return False


def _remove_old(cache: Path, *, keep: Path) -> None:
    """Remove shards and unfinished texts that nobody has asked for since a week."""
    for folder in (*cache.glob(f"{_PREFIX}*"), *cache.glob(f"{joining.PREFIX}*")):
        with suppress(OSError):
            if folder != keep and folder.is_dir() and time.time() - folder.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _guess(part: TextRange) -> LineEnds:
    """Return what `<eos>` stands for by the beginning of a text: probably so, and certainly if that is all."""
    beginning = next(part.part(part.start, min(part.stop, part.start + _BLOCK)).blocks(), b"")
    return choose_line_ends(split_lines(beginning.decode("utf-8", "replace")))
