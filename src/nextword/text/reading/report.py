"""Counts of what was found in a text. Nothing is changed or dropped without being counted."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from nextword.errors import counted

_FEW_BYTES = 100_000


def _first(mine: int | None, other: int | None) -> int | None:
    return other if mine is None else mine


_JOINED: Mapping[str, Callable[[Any, Any], Any]] = {
    "longest_line": max,
    "first_invalid": _first,
    "first_nul": _first,
    "has_byte_order_mark": operator.or_,
    "lacks_last_line_end": operator.or_,
}
"""How counts are added that are no sums."""


@dataclass(kw_only=True)
class ReadCounts:
    """The counts of one range of a file. They depend on the text alone, not on the tokenizer."""

    num_bytes: int = 0  # bytes of the range
    num_lines: int = 0  # lines, including a last line without line end
    num_words: int = 0  # runs of characters between white space, plus one for each line end
    num_characters: int = 0  # characters. A line end counts as one, a byte order mark as none
    longest_line: int = 0  # characters of the longest line
    num_written_unknown: int = 0  # tokens of pretokenized text that are written as `<unk>`
    num_invalid: int = 0  # sequences of bytes that are not UTF-8, each replaced by U+FFFD
    first_invalid: int | None = None  # offset of the first such sequence in the file
    num_nul: int = 0  # NULs, each replaced by U+FFFD
    first_nul: int | None = None  # offset of the first NUL in the file
    num_crlf: int = 0  # line ends that are a carriage return with a line feed
    num_lone_cr: int = 0  # line ends that are a carriage return alone
    has_byte_order_mark: bool = False  # whether a byte order mark at the start of the file was dropped
    lacks_last_line_end: bool = False  # whether a line end was added to the last line

    def add(self, after: "ReadCounts") -> None:
        """Add the counts of the range that follows."""
        for field in fields(self):
            mine, other = getattr(self, field.name), getattr(after, field.name)
            setattr(self, field.name, _JOINED.get(field.name, operator.add)(mine, other))


@dataclass(frozen=True)
class SplitReport:
    """The counts of one split."""

    read: ReadCounts
    num_tokens: int  # number of ids, including those of `<eos>`
    num_unknown: int  # number of ids that are `<unk>`
    spelling_log_prob: float = 0.0  # natural log-probability of the spellings of all tokens out of vocabulary

    @property
    def num_out_of_vocabulary(self) -> int:
        """Number of tokens that became `<unk>` because the vocabulary lacks them."""
        return self.num_unknown - self.read.num_written_unknown

    def describe(self) -> list[str]:
        """Return the counts as sentences. Irregularities that did not occur are left out."""
        read = self.read
        unknown = f"{counted(self.num_out_of_vocabulary, 'token')} out of vocabulary, read as <unk>"
        if read.num_written_unknown:
            unknown += f", and {read.num_written_unknown:,} <unk> as written"
        size = f"{counted(self.num_tokens, 'token')} from {counted(read.num_lines, 'line')}, {read.num_bytes:,} bytes"
        longest = f"the longest line has {counted(read.longest_line, 'character')}"
        return [f"{size}; {longest}", unknown, *_irregularities(read)]


@dataclass(frozen=True)
class TextReport:
    """The counts of a corpus."""

    how_split: str  # how the text was read and split, in one sentence
    how_cut: str  # how it was cut into tokens, in one sentence
    splits: Mapping[str, SplitReport]  # the report of each split by its name
    left: str = ""  # which files of a folder are not read, in one sentence; empty if all are
    line_ends: str = ""  # what `<eos>` stands for, and the other choice; empty unless the choice is close

    def remarks(self) -> list[str]:
        """Return what to know before training: a short text, files that are not read, a close choice."""
        num_bytes = sum(report.read.num_bytes for report in self.splits.values())
        short = (
            f"{max(1, round(num_bytes / 1000))} KB is very little text: expect poor results; 100 KB or more is better"
        )
        if num_bytes >= _FEW_BYTES:
            short = self.left
        elif self.left:  # one remark, because a run shows the first alone
            short = f"{short} ({self.left})"
        return [*filter(None, (short, self.line_ends))]

    def describe(self) -> list[str]:
        """Return the report as sentences."""
        sentences = [f"{name}: {line}" for name, report in self.splits.items() for line in report.describe()]
        return [self.how_split, self.how_cut, *sentences]


def _irregularities(read: ReadCounts) -> list[str]:
    sentences = {
        "a byte order mark at the start of the file was dropped": read.has_byte_order_mark,
        f"{counted(read.num_invalid, 'invalid byte sequence')} replaced by U+FFFD, the first at byte "
        f"{read.first_invalid}": read.num_invalid,
        f"{counted(read.num_nul, 'NUL')} replaced by U+FFFD, the first at byte {read.first_nul}": read.num_nul,
        f"{counted(read.num_crlf, 'line end')} of two characters (CRLF) read as one": read.num_crlf,
        f"{counted(read.num_lone_cr, 'lone carriage return')} read as a line end": read.num_lone_cr,
        "the last line lacks its line end; one was added": read.lacks_last_line_end,
    }
    return [sentence for sentence, occurred in sentences.items() if occurred]
