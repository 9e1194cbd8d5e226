"""A text cut into units on disk, from which its vocabulary and its ids are made.

The text is read, cut and counted once. Each block of it numbers its own units, before any vocabulary is known, so what
is in memory is bounded by a block and not by the text. The vocabulary then follows from the counts of all blocks, and
the ids from a table for each block.

| file | content |
|---|---|
| `numbers` | the number of each unit of the text in its block; 0 is a line end |
| `N.units` | the units of a block in the order of their numbers from 1, one a line |
| `N.pieces` | the pre-tokens that a vocabulary is made of, one a line, in groups |
| `N.counts` | how often each pre-token occurs |
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.system.progress import Task
from nextword.text.encoding.units import TidySegments, unit_numbers
from nextword.text.options import RUNNING_TEXT, LineEnds, TokenizerKind
from nextword.text.reading.reader import LineReader
from nextword.text.reading.report import ReadCounts
from nextword.text.tokens.pre_tokens import LineRuns, pre_tokens
from nextword.text.tokens.vocabulary import END

BLOCK_CHARACTERS = 2**25
"""Most characters of a block, approximately. What is remembered of one block, such as its words, grows with it."""

GROUPS = 64
"""Parts in which the pre-tokens of all blocks are added up, one part at a time."""

_NUMBERS = "numbers"
_ROWS = 2**20


class Block(NamedTuple):
    """A block of a cut text."""

    number: int
    first: int  # units of the text before it
    num_units: int
    num_ends: int  # line ends
    starts: list[tuple[int, int]]  # where each group begins: the byte, and how many pre-tokens are before


class CutText:
    """A text cut into units.

    Args:
        reader: The text.
        kind: The tokenizer whose units they are.
        line_ends: Whether `<eos>` ends each line or each paragraph.
        folder: Where the files are kept; it must be empty.

    Attributes:
        read: The counts of the text.
        runs: Its runs of lines, by which the meaning of `<eos>` is chosen; empty unless it is running text.
    """

    def __init__(self, reader: LineReader, kind: TokenizerKind, line_ends: LineEnds, folder: Path) -> None:
        self.read: ReadCounts = reader.counts
        self.runs = LineRuns()
        self.line_ends: LineEnds = line_ends
        self.blocks: list[Block] = []
        self._kind: TokenizerKind = kind
        self._folder = folder
        self._cut(reader)

    @property
    def num_units(self) -> int:
        """Number of its units, line ends included."""
        return sum(block.num_units for block in self.blocks)

    def units(self, block: Block) -> list[str]:
        """Return the units of a block in the order of their numbers from 1."""
        text = (self._folder / f"{block.number}.units").read_bytes().decode("utf-8")
        return text.split("\n") if text else []

    def numbers(self, block: Block) -> Iterator[NDArray[np.int32]]:
        """Yield the number of each unit of a block, a million at a time."""
        for start in range(block.first, block.first + block.num_units, _ROWS):
            count = min(_ROWS, block.first + block.num_units - start)
            yield np.fromfile(self._folder / _NUMBERS, np.dtype("<i4"), count, offset=4 * start)

    def counts(self) -> Iterator[Counter[str]]:
        """Yield how often each pre-token occurs, in parts that have no pre-token in common; `<eos>` is in the first."""
        task = Task("counting the words", self.read.num_bytes)
        for group in range(GROUPS):
            total: Counter[str] = Counter()
            if not group:
                total[END] += sum(block.num_ends for block in self.blocks)
            found = total.get
            for block in self.blocks:
                for pre_token, count in zip(*self._group(block, group), strict=True):
                    total[pre_token] = found(pre_token, 0) + count  # `+=` of a `Counter` is slower
            yield total
            task.advance(self.read.num_bytes // GROUPS)

    def _group(self, block: Block, group: int) -> tuple[list[str], list[int]]:
        (first, before), (last, after) = block.starts[group : group + 2]
        with (self._folder / f"{block.number}.pieces").open("rb") as file:
            file.seek(first)
            found = file.read(last - first).decode("utf-8").split("\n")[:-1]
        counts = np.fromfile(
            self._folder / f"{block.number}.counts", np.dtype("<i8"), after - before, offset=8 * before
        )
        return found, counts.tolist()

    def _cut(self, reader: LineReader) -> None:
        numbers, counts, size, first = unit_numbers(self._kind), np.zeros(1, np.int64), 0, 0
        with (self._folder / _NUMBERS).open("wb") as file:
            for part in self._tidy(reader):
                found = numbers.of(part)
                file.write(found.astype("<i4", copy=False).data)
                added = np.bincount(found, minlength=len(counts))
                added[: len(counts)] += counts
                counts, size = added, size + len(part)
                if size >= BLOCK_CHARACTERS:
                    first += self._end_block(numbers.units(), counts, first)
                    numbers, counts, size = unit_numbers(self._kind), np.zeros(1, np.int64), 0
            self._end_block(numbers.units(), counts, first)

    def _tidy(self, reader: LineReader) -> Iterator[str]:
        segments = TidySegments(self._kind, self.line_ends)
        task = Task("cutting the text", reader.num_bytes)
        for chunk in reader.chunks():
            if self._kind in RUNNING_TEXT:
                self.runs = self.runs + LineRuns.of(chunk.lines)
            yield from segments.of(chunk.text)
            task.advance(len(chunk.data))
        yield from segments.rest()

    def _end_block(self, units: list[str], counts: NDArray[np.int64], first: int) -> int:
        """Write a block, and return how many units it has."""
        number, num_units = len(self.blocks), int(counts.sum())
        (self._folder / f"{number}.units").write_bytes("\n".join(units).encode("utf-8"))
        found = _pre_tokens(units, counts[1:]) if self._kind == "subword" else (units, counts[1:])
        starts = self._write_groups(number, *found)
        self.blocks.append(Block(number, first, num_units, int(counts[0]), starts))
        return num_units

    def _write_groups(self, number: int, found: list[str], counts: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Write pre-tokens by group, and return where each group begins.

        The group of a pre-token is the sum of its bytes. Any function that all blocks share would do; this one is fast.
        """
        data = np.frombuffer(_lines(found), np.uint8)
        ends = np.flatnonzero(data == ord("\n")) + 1
        lengths = np.diff(ends, prepend=0)
        groups = np.add.reduceat(data, ends - lengths, dtype=np.uint32) % GROUPS if found else ends
        order = np.argsort(groups, kind="stable")
        (self._folder / f"{number}.pieces").write_bytes(_lines([found[index] for index in order.tolist()]))
        # `tofile` would hide an error of the disk.
        (self._folder / f"{number}.counts").write_bytes(counts[order].astype("<i8", copy=False).data)
        num_pieces = np.searchsorted(groups[order], np.arange(GROUPS + 1))
        num_bytes = np.concatenate([[0], np.cumsum(lengths[order])])[num_pieces]
        return list(zip(num_bytes.tolist(), num_pieces.tolist(), strict=True))


def _pre_tokens(units: list[str], counts: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the pre-tokens of the subword tokenizer in some units, and how often each occurs."""
    found: Counter[str] = Counter()
    for unit, count in zip(units, counts.tolist(), strict=True):
        for pre_token in pre_tokens(unit, "subword"):
            found[pre_token] += count
    return list(found), np.fromiter(found.values(), np.int64, len(found))


def _lines(found: list[str]) -> bytes:
    return "".join(f"{pre_token}\n" for pre_token in found).encode("utf-8")
