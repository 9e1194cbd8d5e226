"""Reads n-best lists: the hypotheses of a recognizer for each utterance, with their scores."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from textwrap import shorten
from typing import Any, Literal, NamedTuple

from nextword.errors import TextError
from nextword.system import strict_json
from nextword.text.options import OnBadBytes
from nextword.text.reading.lines import STANDARD_INPUT, InputLines

UTTERANCE, TEXT, REFERENCE = "utterance", "text", "reference"
"""Names of the columns that are not scores."""

LOG_PROB, TOTAL, RANK = "log_prob", "total", "rank"
"""Names of the columns that rescoring adds."""

_TEXTS = (UTTERANCE, TEXT, REFERENCE)


class LineSource:
    """The numbered lines of a file or of standard input, compressed or not; iterate once.

    Raises:
        TextError: (while iterating) The file cannot be read, or has invalid bytes.
    """

    def __init__(self, path: str, *, on_bad_bytes: OnBadBytes = "strict") -> None:
        self.name = "standard input" if path == STANDARD_INPUT else path
        self._lines = InputLines([path], on_bad_bytes=on_bad_bytes)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return enumerate(self._lines, start=1)

    def refuse(self, number: int, message: str) -> TextError:
        """Return the error for a line; a message that quotes much of it is cut."""
        return TextError(f"`{self.name}`, line {number}: {shorten(message, 1000, placeholder=' ...')}")


class Hypothesis(NamedTuple):
    """A hypothesis of a recognizer."""

    text: str
    first_pass: tuple[float, ...]  # its first-pass scores, higher is better, in the order of `NbestFormat.score_names`
    record: Mapping[str, Any]  # all columns of its line, for the output


class NbestList(NamedTuple):
    """The hypotheses of one utterance."""

    utterance: str
    hypotheses: Sequence[Hypothesis]  # at least one; the recognizer's best hypothesis is first
    reference: str | None = None  # the reference transcript, if known


@dataclass(frozen=True)
class NbestFormat:
    """The format of a file of n-best lists."""

    kind: Literal["tsv", "jsonl"]  # tab-separated table, or one JSON object per line
    columns: tuple[str, ...]  # names of the columns, or of the fields of the objects, in order
    score_names: tuple[str, ...]  # the columns that are first-pass scores
    has_header: bool = True  # whether the first line of a table contains the column names

    def __post_init__(self) -> None:
        for name in (UTTERANCE, TEXT, *self.score_names):
            if name not in self.columns:
                raise TextError(f"the columns must include `{name}`, but are {', '.join(self.columns)}; add it")
        for name in self.columns:
            if self.columns.count(name) > 1:
                raise TextError(f"column names must be unique, but `{name}` is repeated; rename one")
            if name in (LOG_PROB, TOTAL, RANK):
                raise TextError(f"the input must have no column `{name}`, because rescoring adds it; rename it")
        for name in _TEXTS:
            if name in self.score_names:
                raise TextError(f"a score must be a column of numbers, but `{name}` has text; name another column")


class _Line(NamedTuple):
    number: int
    utterance: str
    reference: str | None
    hypothesis: Hypothesis


class NbestReader:
    """Reads the n-best lists of a file; iterate once.

    By default, all columns that are not text are first-pass scores.

    Raises:
        TextError: The file is empty, or a line (while iterating) is invalid; the message has its number.
    """

    def __init__(self, source: LineSource, *, score_names: Sequence[str] | None = None) -> None:
        self._source = source
        self.name = source.name
        lines = ((number, line) for number, line in source if line.strip())
        first = next(lines, None)
        if first is None:
            raise TextError(f"`{source.name}` must have at least one hypothesis, but is empty; give another file")
        try:
            self.format = _format_of(first[1], score_names)
        except (TextError, ValueError) as error:
            raise source.refuse(first[0], str(error)) from error
        self._first_number = first[0]
        self._digest = hashlib.sha256()
        is_header = self.format.kind == "tsv" and self.format.has_header
        self._lines = lines if is_header else chain([first], lines)

    def __iter__(self) -> Iterator[NbestList]:
        seen: set[str] = set()
        for utterance, group in groupby(map(self._parsed, self._lines), key=lambda line: line.utterance):
            lines = list(group)
            if utterance in seen:
                raise self._source.refuse(
                    lines[0].number,
                    f"the hypotheses of an utterance must be on consecutive lines, but `{utterance}` is repeated after "
                    "others; sort the file by utterance (`sort -s -k1,1`)",
                )
            seen.add(utterance)
            yield self._list_of(lines)
        if not seen:
            raise TextError(
                f"`{self._source.name}` must have at least one hypothesis, but has only column names; give another file"
            )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the utterances and texts read so far, in hexadecimal; it identifies a set of lists."""
        return self._digest.hexdigest()

    def _parsed(self, numbered: tuple[int, str]) -> _Line:
        number, line = numbered
        try:
            record = _json_record(line, self.format) if self.format.kind == "jsonl" else self._cells(line)
            for name in _TEXTS:
                _check_text(name, record.get(name, ""))
            if not record[UTTERANCE]:
                raise ValueError("`utterance` must be an id, but is empty; add an id")
            scores = tuple(_score(name, record[name]) for name in self.format.score_names)
        except ValueError as error:
            raise self._source.refuse(number, str(error)) from error
        return _Line(number, record[UTTERANCE], record.get(REFERENCE), Hypothesis(record[TEXT], scores, record))

    def _cells(self, line: str) -> Mapping[str, str]:
        cells = line.split("\t")
        if len(cells) != len(self.format.columns):
            raise ValueError(
                f"a line must have {len(self.format.columns)} tab-separated columns "
                f"({', '.join(self.format.columns)}), as line {self._first_number}, but has {len(cells)}; "
                "add the missing columns, or replace tabs in the text by spaces"
            )
        return dict(zip(self.format.columns, cells, strict=True))

    def _list_of(self, lines: Sequence[_Line]) -> NbestList:
        first = lines[0]
        for line in lines:
            self._digest.update(f"{line.utterance}\n{line.hypothesis.text}\n".encode())
            if line.reference != first.reference:
                raise self._source.refuse(
                    line.number,
                    f"`reference` must be the same for all hypotheses of `{first.utterance}`, but differs from line "
                    f"{first.number}; correct one of them",
                )
        return NbestList(first.utterance, [line.hypothesis for line in lines], first.reference)


def _format_of(line: str, score_names: Sequence[str] | None) -> NbestFormat:
    if line.lstrip().startswith("{"):
        columns = tuple(_json_object(line))
        return NbestFormat("jsonl", columns, _score_names(columns, score_names))
    cells = tuple(line.split("\t"))
    if UTTERANCE in cells and TEXT in cells:
        return NbestFormat("tsv", cells, _score_names(cells, score_names))
    if len(cells) < 2:
        raise ValueError(
            "a line must have an utterance and a text separated by a tab, or be a JSON object, but has no tab; "
            "separate the columns by tabs"
        )
    scores = ["score"] if len(cells) == 3 else [f"score{number}" for number in range(1, len(cells) - 1)]
    columns = (UTTERANCE, TEXT, *scores)
    return NbestFormat("tsv", columns, _score_names(columns, score_names), has_header=False)


def _score_names(columns: Sequence[str], given: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(name for name in columns if name not in _TEXTS) if given is None else tuple(given)


def _json_object(line: str) -> dict[str, Any]:
    record = strict_json.parse(line.encode("utf-8"))
    if not isinstance(record, dict):
        raise ValueError(f"a line must be a JSON object, but is {line[:40]!r}; correct it")
    return record


def _json_record(line: str, expected: NbestFormat) -> Mapping[str, Any]:
    record = _json_object(line)
    for name in (UTTERANCE, TEXT, *expected.score_names):
        if name not in record:
            raise ValueError(f"a line must have the field `{name}`, as the first line, but does not; add it")
    for name in record:
        if name not in expected.columns:
            raise ValueError(f"a line must have only the fields of the first line, but has `{name}`; leave it out")
    return record


def _check_text(name: str, text: Any) -> None:
    if not isinstance(text, str):
        raise ValueError(f'`{name}` must be text, but is {text!r}; write it as "{text}"')
    if any(end in text for end in "\n\r\0"):
        raise ValueError(f"`{name}` must be one line, but has a line break or a NUL; replace it by a space")


def _score(name: str, cell: Any) -> float:
    try:
        number = float(cell) if isinstance(cell, str | int | float) and not isinstance(cell, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(
            f"`{name}` must be a finite number, but is {cell!r}; correct it, or choose the scores with `--scores`"
        )
    return number
