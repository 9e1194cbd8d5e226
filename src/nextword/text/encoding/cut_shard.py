"""One shard of a text cut into units, on disk: what a process does for a large text.

A cut shard is a sealed folder. Its ids number the units of this shard alone, so a shard can be cut before any
vocabulary is known, and by itself.

| file | content |
|---|---|
| `ids.int32` | the number of each unit of the text; 0 is a line end |
| `units.txt` | the units in the order of their numbers from 1, one a line |
| `pieces.txt` | the pre-tokens that a vocabulary is made of, one a line, in groups |
| `counts.int64` | how often each pre-token occurs |
| `report.json` | counts of lines, words and characters, and where each group begins |
"""

import dataclasses
import json
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nextword.system import sealed_directory
from nextword.system.cache import mark_used
from nextword.text.encoding.units import TidySegments, unit_numbers
from nextword.text.options import RUNNING_TEXT, LineEnds, OnBadBytes, TokenizerKind
from nextword.text.reading.reader import LineReader, TextRange
from nextword.text.tokens.line_ends import LineRuns
from nextword.text.tokens.pre_tokens import pre_tokenizer

GROUPS = 64
"""Parts in which the pre-tokens of all shards are added up, one part at a time."""

_BLOCK = 2**20

IDS, UNITS, PRE_TOKENS, COUNTS, REPORT = "ids.int32", "units.txt", "pieces.txt", "counts.int64", "report.json"


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """A shard to cut."""

    path: str
    start: int  # offset of its first byte in the file
    stop: int  # offset after its last byte
    shown: str  # how to name the file in messages
    kind: TokenizerKind
    line_ends: LineEnds  # whether `<eos>` ends each line or each paragraph
    on_bad_bytes: OnBadBytes  # whether bad bytes are refused or replaced
    sha256: str  # the SHA-256 digest of the shard, in hexadecimal; empty if it is not known
    folder: str  # where the cut shard will be

    @property
    def num_bytes(self) -> int:
        """Size of the shard."""
        return self.stop - self.start

    def run(self) -> None:
        """Cut the shard."""
        mark_used(Path(self.path).parent)
        sealed_directory.build(Path(self.folder), partial(_write, self))


def _write(task: ShardTask, folder: Path) -> None:
    part = TextRange(Path(task.path), task.start, task.stop, task.shown)
    reader = LineReader(
        part, on_bad_bytes=task.on_bad_bytes, pretokenized=task.kind == "pretokenized", sha256=task.sha256
    )
    with (folder / IDS).open("wb") as file:
        units, runs = _cut(reader, task.kind, task.line_ends, file)
    counts = _counts(folder / IDS, len(units) + 1)
    (folder / UNITS).write_bytes("\n".join(units).encode("utf-8"))
    report: dict[str, Any] = {
        "read": dataclasses.asdict(reader.counts),
        "runs": dataclasses.asdict(runs),
        "num_units": int(counts.sum()),
        "num_segments": int(counts[0]),
        "starts": _write_pre_tokens(folder, *_pre_tokens(units, counts[1:], task.kind)),
    }
    (folder / REPORT).write_text(json.dumps(report), encoding="utf-8")


def _cut(reader: LineReader, kind: TokenizerKind, line_ends: LineEnds, file: IO[bytes]) -> tuple[list[str], LineRuns]:
    """Write the number of each unit, and return the units in the order of their numbers, and the runs of lines."""
    numbers, segments, runs = unit_numbers(kind), TidySegments(kind, line_ends), LineRuns()
    for chunk in reader.chunks():
        if kind in RUNNING_TEXT:
            runs = runs + LineRuns.of(chunk.lines)
        for part in segments.of(chunk.text):
            file.write(numbers.of(part).astype("<i4", copy=False).data)
    for part in segments.rest():
        file.write(numbers.of(part).astype("<i4", copy=False).data)
    return numbers.units(), runs


def _counts(ids: Path, size: int) -> NDArray[np.int64]:
    counts = np.zeros(size, np.int64)
    with ids.open("rb") as file:
        while (block := np.fromfile(file, np.dtype("<i4"), _BLOCK)).size:
            counts += np.bincount(block, minlength=size)
    return counts


def _pre_tokens(
    units: list[str], counts: NDArray[np.int64], kind: TokenizerKind
) -> tuple[list[str], NDArray[np.int64]]:
    if kind != "subword":
        return units, counts
    cut = pre_tokenizer(kind).pre_tokenize_str
    pre_tokens: Counter[str] = Counter()
    for unit, count in zip(units, counts.tolist(), strict=True):
        for pre_token, _ in cut(unit):
            pre_tokens[pre_token] += count
    return list(pre_tokens), np.fromiter(pre_tokens.values(), np.int64, len(pre_tokens))


def _write_pre_tokens(folder: Path, pre_tokens: list[str], counts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Write pre-tokens by group, and return where each group begins: the byte, and how many pre-tokens are before.

    The group of a pre-token is the sum of its bytes. Any function that all shards share would do; this one is fast.
    """
    if not pre_tokens:
        (folder / PRE_TOKENS).write_bytes(b"")
        (folder / COUNTS).write_bytes(b"")
        return [(0, 0)] * (GROUPS + 1)
    data = np.frombuffer(_lines(pre_tokens), np.uint8)
    ends = np.flatnonzero(data == ord("\n")) + 1
    lengths = np.diff(ends, prepend=0)
    groups = np.add.reduceat(data, ends - lengths, dtype=np.uint32) % GROUPS
    order = np.argsort(groups, kind="stable")
    del data
    (folder / PRE_TOKENS).write_bytes(_lines([pre_tokens[place] for place in order.tolist()]))
    (folder / COUNTS).write_bytes(counts[order].astype("<i8", copy=False).data)  # `tofile` hides an error of the disk
    num_pieces = np.searchsorted(groups[order], np.arange(GROUPS + 1))
    num_bytes = np.concatenate([[0], np.cumsum(lengths[order])])[num_pieces]
    return list(zip(num_bytes.tolist(), num_pieces.tolist(), strict=True))


def _lines(pre_tokens: list[str]) -> bytes:
    return ("\n".join(pre_tokens) + "\n").encode("utf-8")
