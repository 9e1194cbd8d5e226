"""A text cut into units on disk, shard by shard and in parallel, from which vocabularies and ids are made.

The text is read, cut and counted once. Its shards number their own units, so no process waits for a vocabulary, and
what one remembers is bounded by its shard. The vocabulary then follows from the counts, and the ids from a table for
each shard. A finished shard is a sealed folder: if reading is interrupted, it resumes with the shards that are missing.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import tokenizers
from numpy.typing import NDArray

from nextword.errors import StorageError, TextError
from nextword.system import sealed_directory
from nextword.system.cache import cache_key
from nextword.text.encoding.cut_shard import COUNTS, GROUPS, IDS, PRE_TOKENS, REPORT, UNITS, ShardTask
from nextword.text.encoding.worker_pool import run_tasks
from nextword.text.options import LineEnds, OnBadBytes, TokenizerKind
from nextword.text.reading.lines import split_lines
from nextword.text.reading.progress import Task
from nextword.text.reading.reader import TextRange, changed_error
from nextword.text.reading.report import ReadCounts
from nextword.text.sources.split import shards_of
from nextword.text.tokens.line_ends import LineRuns
from nextword.text.tokens.vocabulary import END

_FORMAT = 3  # raise this number whenever the same text gives other shards, units or counts

SHARD_BYTES = 2**25
"""Most bytes of a shard, approximately. What a process remembers of one shard, such as its words, grows with it."""

_PREFIX = ".cutting-"
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

    def pre_tokens(self, group: int) -> tuple[list[str], NDArray[np.int64]]:
        """Return the pre-tokens of a group, and how often each occurs."""
        (first, before), (last, after) = self._starts[group : group + 2]
        with (self._folder / PRE_TOKENS).open("rb") as file:
            file.seek(first)
            pre_tokens = file.read(last - first).decode("utf-8").split("\n")[:-1]
        return pre_tokens, np.fromfile(self._folder / COUNTS, np.dtype("<i8"), after - before, offset=8 * before)


class CutText:
    """A text cut into units."""

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

    @property
    def runs(self) -> LineRuns:
        """The runs of lines of the whole text."""
        return sum((shard.runs for shard in self.shards), LineRuns())

    def counts(self) -> Iterator[Counter[str]]:
        """Yield how often each pre-token occurs, in parts that have no pre-token in common; `<eos>` is in the first."""
        num_bytes = self.read.num_bytes
        task = Task("counting the words", num_bytes)
        for group in range(GROUPS):
            total: Counter[str] = Counter()
            if not group:
                total[END] += sum(shard.num_segments for shard in self.shards)
            found = total.get
            for shard in self.shards:
                pre_tokens, counts = shard.pre_tokens(group)
                for pre_token, count in zip(pre_tokens, counts.tolist(), strict=True):
                    total[pre_token] = found(pre_token, 0) + count  # `+=` of a `Counter` is slower
            yield total
            task.advance(num_bytes // GROUPS)


@dataclass(frozen=True)
class Cutting:
    """A text that is to be cut."""

    part: TextRange
    kind: TokenizerKind
    line_ends: LineEnds  # whether `<eos>` ends each line or each paragraph
    on_bad_bytes: OnBadBytes  # whether bytes that are not UTF-8 are refused or replaced
    cache: Path
    is_guess: bool = False  # whether the beginning of the text suggests `line_ends`; the whole may say otherwise

    @classmethod
    def by_text(cls, part: TextRange, kind: TokenizerKind, on_bad_bytes: OnBadBytes, cache: Path) -> Self:
        """Return the cutting of a text that decides itself what `<eos>` ends."""
        beginning = next(part.part(part.start, min(part.stop, part.start + _BLOCK)).blocks(), b"")
        runs = LineRuns.of(split_lines(beginning.decode("utf-8", "replace")))
        return cls(part, kind, runs.line_ends, on_bad_bytes, cache, is_guess=True)

    @contextmanager
    def text(self, *, ahead: Sequence[TextRange] = (), processes: int | None = None) -> Iterator[CutText]:
        """Cut the text, or use what an earlier call has cut of it; others who want the same wait for the block's end.

        Args:
            ahead: Texts that later calls will ask for. If this one is large, they are cut beside it, because the
                processes have started and one may be idle. What is wrong with them is reported by their own calls.
            processes: How many processes to use (default: one for each core). The result is the same for all numbers.
        """
        self.cache.mkdir(parents=True, exist_ok=True)
        with ExitStack() as locks:
            self.lock(locks)
            beside = [replace(self, part=other) for other in ahead if self.is_large]
            beside = [other for other in beside if other.lock(locks, wait=False)]
            text = self._cut(beside, processes)
            right = text.runs.line_ends
            if not self.is_guess or right == self.line_ends:
                yield text
                return
            for wrong in (self, *beside):
                shutil.rmtree(wrong.folder, ignore_errors=True)
        with replace(self, line_ends=right, is_guess=False).text(ahead=ahead, processes=processes) as text:
            yield text

    def remove(self) -> None:
        """Remove what was cut, because its result is stored; not while another call reads it."""
        with ExitStack() as locks:
            if self.folder.is_dir() and self.lock(locks, wait=False):
                shutil.rmtree(self.folder, ignore_errors=True)

    @cached_property
    def folder(self) -> Path:
        """The folder in which the shards are kept until the ids are stored."""
        how = (self.kind, self.line_ends, self.on_bad_bytes)
        key = cache_key(_FORMAT, tokenizers.__version__, *how, SHARD_BYTES, self.part.start, self.part.sha256)
        return self.cache / f"{_PREFIX}{key}"

    @cached_property
    def shards(self) -> dict[Path, TextRange]:
        """The shards by their folders: all about as long, and an even number of them, so that two cores are busy."""
        size = self.part.num_bytes
        number = 2 * -(-size // (2 * SHARD_BYTES)) if self.is_large else 1
        shards = shards_of(self.part, self.line_ends, -(-size // number) or 1)
        return {self.folder / f"shard-{number:06}": shard for number, shard in enumerate(shards)}

    @property
    def is_large(self) -> bool:
        """Whether it has several shards."""
        return self.part.num_bytes > SHARD_BYTES

    def lock(self, locks: ExitStack, *, wait: bool = True) -> bool:
        """Lock the folder until `locks` is closed; return whether that is done, which it is if `wait`."""
        from filelock import FileLock, Timeout  # slow to import, and rarely needed

        with suppress(Timeout):
            locks.enter_context(FileLock(self.folder.with_name(f"{self.folder.name}.lock"), -1 if wait else 0))
            return True
        return False

    def _cut(self, ahead: "Sequence[Cutting]", processes: int | None) -> CutText:
        """Cut the shards that are missing, and those of other texts if there are several processes."""
        try:
            tasks = self.tasks()
            run_tasks(tasks, ahead=[task for other in ahead for task in other.tasks()], processes=processes)
            if self.part.has_changed:
                raise changed_error(self.part)
        except TextError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return CutText([CutShard(folder) for folder in self.shards], self.line_ends)

    def tasks(self) -> list[ShardTask]:
        """Return the tasks for the shards that are missing."""
        if self.folder.is_dir():
            sealed_directory.remove_leftovers(self.folder)
        return [
            ShardTask(
                path=str(self.part.path),
                start=shard.start,
                stop=shard.stop,
                shown=self.part.shown,
                kind=self.kind,
                line_ends=self.line_ends,
                on_bad_bytes=self.on_bad_bytes,
                sha256=self.part.sha256 if len(self.shards) == 1 else "",
                folder=str(folder),
            )
            for folder, shard in self.shards.items()
            if not _is_there(folder)
        ]


def _is_there(folder: Path) -> bool:
    try:
        with sealed_directory.opened(folder):
            return True
    except StorageError:
        return False
