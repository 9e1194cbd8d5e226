"""One shard of a text cut into units, on disk: what a process does for a large text.

A cut shard is a sealed folder. Its ids number the units of this shard alone, so a shard can be cut before any
vocabulary is known, and by itself.

| file | content |
|---|---|
| `ids.int32` | the number of each unit of the text; 0 is a line end |
| `units.txt` | the units in the order of their numbers from 1, one a line |
| `pieces.txt` | the pieces that a vocabulary is made of, one a line, in groups |
| `counts.int64` | how often each piece occurs |
| `report.json` | counts of lines, words and characters, and where each group begins |
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.storage import sealed_directory
from nextword.text.line_runs import LineRuns
from nextword.text.options import RUNNING_TEXT, LineEnds, OnBadBytes, TokenizerKind
from nextword.text.pieces import pre_tokenizer
from nextword.text.reader import LineReader, TextRange
from nextword.text.units import TidySegments, unit_numbers

GROUPS = 64
"""Parts in which the pieces of all shards are added up, one part at a time."""

_BLOCK = 2**20

IDS, UNITS, PIECES, COUNTS, REPORT = "ids.int32", "units.txt", "pieces.txt", "counts.int64", "report.json"


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """A shard to cut.

    Attributes:
        path: The file.
        start: Offset of its first byte in the file.
        stop: Offset after its last byte.
        shown: How to name the file in messages.
        kind: The tokenizer.
        line_ends: Whether `<eos>` ends each line or each paragraph.
        on_bad_bytes: Whether bad bytes are refused or replaced.
        sha256: The SHA-256 sum of the shard, in hexadecimal; empty if it is not known.
        folder: Where the cut shard will be.
    """

    path: str
    start: int
    stop: int
    shown: str
    kind: TokenizerKind
    line_ends: LineEnds
    on_bad_bytes: OnBadBytes
    sha256: str
    folder: str

    def run(self) -> None:
        """Cut the shard.

        Raises:
            TextError: The shard cannot be read, or holds something refused.
            OSError: The disk refused.
        """
        sealed_directory.build(Path(self.folder), partial(_write, self))


def _write(task: ShardTask, folder: Path) -> None:
    part = TextRange(Path(task.path), task.start, task.stop, task.shown)
    reader = LineReader(
        part, on_bad_bytes=task.on_bad_bytes, pretokenized=task.kind == "pretokenized", sha256=task.sha256
    )
    numbers, segments, runs = unit_numbers(task.kind), TidySegments(task.kind, task.line_ends), LineRuns()
    with (folder / IDS).open("wb") as file:

        def write(parts: Iterator[str]) -> None:
            for part in parts:
                file.write(numbers.of(part).astype("<i4", copy=False).data)

        for chunk in reader.chunks():
            if task.kind in RUNNING_TEXT:
                runs = runs + LineRuns.of(chunk.lines)
            write(segments.of(chunk.text))
        write(segments.rest())
    units = numbers.units()
    counts = _counts(folder / IDS, len(units) + 1)
    (folder / UNITS).write_bytes("\n".join(units).encode("utf-8"))
    pieces = _pieces(dict(zip(units, counts[1:].tolist(), strict=True)), task.kind)
    report: dict[str, Any] = {
        "read": dataclasses.asdict(reader.counts),
        "runs": dataclasses.asdict(runs),
        "num_units": int(counts.sum()),
        "num_segments": int(counts[0]),
        "starts": _write_pieces(folder, pieces),
    }
    (folder / REPORT).write_text(json.dumps(report), encoding="utf-8")


def _counts(ids: Path, size: int) -> NDArray[np.int64]:
    """Return how often each number occurs in a file `(size,)`."""
    counts = np.zeros(size, np.int64)
    with ids.open("rb") as file:
        while (block := np.fromfile(file, np.dtype("<i4"), _BLOCK)).size:
            counts += np.bincount(block, minlength=size)
    return counts


def _pieces(counts: Mapping[str, int], kind: TokenizerKind) -> Mapping[str, int]:
    """Return the counts of pieces for those of units."""
    if kind != "subword":
        return counts
    cut = pre_tokenizer(kind).pre_tokenize_str
    pieces: Counter[str] = Counter()
    for unit, count in counts.items():
        for piece, _ in cut(unit):
            pieces[piece] += count
    return pieces


def _write_pieces(folder: Path, counts: Mapping[str, int]) -> list[tuple[int, int]]:
    """Write pieces by group, and return where each group begins: the byte, and how many pieces are before.

    The group of a piece is the sum of its bytes: it need only be the same in all shards, and quick.
    """
    if not counts:
        (folder / PIECES).write_bytes(b"")
        (folder / COUNTS).write_bytes(b"")
        return [(0, 0)] * (GROUPS + 1)
    pieces = list(counts)
    data = np.frombuffer("".join(f"{piece}\n" for piece in pieces).encode("utf-8"), np.uint8)
    ends = np.flatnonzero(data == ord("\n")) + 1
    lengths = np.diff(ends, prepend=0)
    groups = np.add.reduceat(data, ends - lengths, dtype=np.uint32) % GROUPS
    order = np.argsort(groups, kind="stable")
    (folder / PIECES).write_bytes("".join(f"{pieces[place]}\n" for place in order.tolist()).encode("utf-8"))
    np.fromiter(counts.values(), np.dtype("<i8"), len(counts))[order].tofile(folder / COUNTS)
    num_pieces = np.searchsorted(groups[order], np.arange(GROUPS + 1))
    num_bytes = np.concatenate([[0], np.cumsum(lengths[order])])[num_pieces]
    return list(zip(num_bytes.tolist(), num_pieces.tolist(), strict=True))
