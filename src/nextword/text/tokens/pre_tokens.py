r"""Segments cut into pre-tokens. Each is one token if the vocabulary holds it; for subwords, one or more tokens.

Only one thing happens before a segment is cut: `tidy` collapses white space. The tokenizers of running text therefore
meet no other space than U+0020.

```
pretokenized   He said , " no . "         |He|said|,|"|no|.|"|
word           He said, "I don't--no."    |He|said|, |"|I|don't|-|-|no|.|"|
subword        He said, "I don't--no."    |He| said|,| "|I| don't|--|no|."|
character      He said                    |H|e| |s|a|i|d|
```

Lines are joined into segments first, and each segment ends with one `<eos>`:

```
line        the file's lines      |a  b|c  d|  |e|        a b <eos> c d <eos> <eos> e <eos>
paragraph   the same              |a  b|c  d|  |e|        a b c d <eos> e <eos>
```

A word is a run of letters, marks, digits and underscores, with apostrophes inside (`don't`, `o’clock`). Every other
character except the space is a pre-token of its own, with the spaces next to it. Only the space between two words is in
no pre-token; decoding puts it back. A pre-token of the subword tokenizer is a word or a row of marks, with the space
before it; `nextword.text.tokens.subwords` splits it into tokens.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, count, pairwise
from typing import Self
from unicodedata import category

from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.reading.lines import split_lines

MARKS: dict[LineEnds, str] = {"line": "\n", "paragraph": "\n\n"}
"""The characters that end a segment in running text."""

_MIN_BLANK_FRACTION = 0.02


def segments(lines: Iterable[str], line_ends: LineEnds) -> Iterator[str]:
    """Yield the segments: each line, or the lines between blank lines joined by spaces."""
    return iter(lines) if line_ends == "line" else _paragraphs(lines)


def ends_open(lines: Sequence[str], line_ends: LineEnds) -> bool:
    """Return whether the last segment of `split_lines(text)` has not ended yet."""
    return line_ends == "line" or any(line.strip() for line in lines[-2:])


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    held: list[str] = []
    for line in lines:
        if line.strip():
            held.append(line)
        elif held:
            yield " ".join(held)
            held = []
    if held:
        yield " ".join(held)


@dataclass(frozen=True)
class LineRuns:
    """Counts of blank lines and of the runs of lines between them, by which the meaning of `<eos>` is chosen.

    The counts of some lines can be added to those of the lines that follow.
    """

    num_lines: int = 0
    num_blank: int = 0  # lines of white space
    num_runs: int = 0  # runs of lines that are not blank
    num_long_runs: int = 0  # runs of several lines
    first: int = 0  # lines of the run that begins with the first line; 0 if it is blank
    last: int = 0  # lines of the run that ends with the last line; 0 if it is blank
    num_capital: int = 0  # lines that begin with a capital letter
    num_characters: int = 0  # characters of all lines, without the white space around each

    @classmethod
    def of(cls, lines: Iterable[str]) -> Self:
        """Count some lines."""
        stripped = [line.strip() for line in lines]
        is_blank = [not line for line in stripped]
        num_lines = len(is_blank)
        blanks = [-1, *compress(count(), is_blank), num_lines]
        lengths = [after - before - 1 for before, after in pairwise(blanks)]
        return cls(
            num_lines=num_lines,
            num_blank=len(blanks) - 2,
            num_runs=sum(length > 0 for length in lengths),
            num_long_runs=sum(length > 1 for length in lengths),
            first=lengths[0],
            last=lengths[-1],
            num_capital=sum(line[:1].isupper() for line in stripped),
            num_characters=sum(map(len, stripped)),
        )

    def __add__(self, after: "LineRuns") -> "LineRuns":
        """Return the counts of these lines and those that follow."""
        meet = bool(self.last and after.first)
        was_long = (self.last > 1) + (after.first > 1)
        return LineRuns(
            num_lines=self.num_lines + after.num_lines,
            num_blank=self.num_blank + after.num_blank,
            num_runs=self.num_runs + after.num_runs - meet,
            num_long_runs=self.num_long_runs + after.num_long_runs + (1 - was_long if meet else 0),
            first=self.first + (after.first if self.first == self.num_lines else 0),
            last=after.last + (self.last if after.last == after.num_lines else 0),
            num_capital=self.num_capital + after.num_capital,
            num_characters=self.num_characters + after.num_characters,
        )

    @property
    def are_wrapped(self) -> bool:
        """Whether the lines are prose with wrapped lines.

        At least 2 % of them are blank then, more than half of the runs between blank lines have several lines, and
        they are not verse: at most half of the lines after the first one of a run begin with a capital letter.
        """
        return self._has_long_runs(0.5) and self._capital_fraction <= 0.5

    @property
    def line_ends(self) -> LineEnds:
        """What `<eos>` marks: paragraphs of prose with wrapped lines, and lines of verse and other text."""
        return "paragraph" if self.are_wrapped else "line"

    @property
    def is_close(self) -> bool:
        """Whether the choice between lines and paragraphs may be wrong.

        It may if 30 % of the runs are long, unless most are, with the few capitals and the length of wrapped prose.
        """
        length = self.num_characters / max(1, self.num_lines - self.num_blank)  # verse has 30 to 45, prose 55 or more
        is_prose = self._has_long_runs(0.5) and self._capital_fraction < 0.2 and length >= 50
        return self._has_long_runs(0.3) and not is_prose

    def _has_long_runs(self, fraction: float) -> bool:
        has_blank = self.num_blank >= _MIN_BLANK_FRACTION * self.num_lines
        return has_blank and self.num_long_runs > fraction * self.num_runs

    @property
    def _capital_fraction(self) -> float:
        """Fraction with a capital among the lines after the first one of each run, which is taken to have one."""
        return (self.num_capital - self.num_runs) / max(1, self.num_lines - self.num_blank - self.num_runs)


SLICE = 2**16
"""Characters that are cut at once, approximately."""

LONGEST_WORD = 64
"""Most characters of a subword pre-token that is a word."""

APOSTROPHES = "'\u2019"
"""Part of a word if they are between two of its characters."""


class _Classes(dict[int, str]):
    """The class of each character: `w` of a word, `'` an apostrophe, a space, or `.` for everything else."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        if character in APOSTROPHES or character == " ":
            found = " " if character == " " else "'"
        else:
            found = "w" if is_word_character(character) else "."
        self[point] = found
        return found


_CLASSES = _Classes()
_PATTERNS: dict[TokenizerKind, re.Pattern[str]] = {
    "word": re.compile(r" ?(?:\.|(?<!w)'|'(?!w)) ?|(?:w|(?<=w)'(?=w))+"),
    "subword": re.compile(rf" ?(?:(?:w|(?<=w)'(?=w)){{1,{LONGEST_WORD}}}|[.']{{1,{LONGEST_WORD}}})| "),
}
"""The pre-tokens of a text whose characters are replaced by their classes."""

_IRREGULAR_ASCII_SPACES = re.compile(r"[\t\x0b\x0c ]{2,}|[\t\x0b\x0c]")
_IRREGULAR_SPACES = re.compile(r"\s{2,}|[^\S ]")

_SAFE_CUTS: dict[TokenizerKind, re.Pattern[str]] = {
    "pretokenized": re.compile(" "),
    "word": re.compile("(?<=[A-Za-z0-9]) (?=[A-Za-z0-9])"),
    "subword": re.compile("(?<=[A-Za-z0-9])(?= [A-Za-z0-9])"),
    "character": re.compile(""),
}
"""Where a tidy segment may be cut, with the match removed, without changing its pre-tokens."""

_BRACKETS = "([{\u00ab"
_QUOTES = "\"'\u2018\u201c"


def pre_tokens(segment: str, kind: TokenizerKind) -> list[str]:
    r"""Cut a tidy segment into pre-tokens; the space between two words is in none."""
    match kind:
        case "pretokenized":
            return list(filter(None, segment.split(" ")))
        case "character":
            return list(segment)
        case "word" | "subword":
            found = _PATTERNS[kind].finditer(segment.translate(_CLASSES))
            return [segment[match.start() : match.end()] for match in found]


def tidy(segment: str, kind: TokenizerKind) -> str:
    r"""Return a segment without the white space that its tokenizer drops.

    - pretokenized: runs of white space, as `bytes.split` sees it (space, tab, `\x0b`, `\x0c`), become one space, and
      the ends are stripped. A no-break space is part of its token.
    - word, subword: runs of white space, as `str.isspace` sees it, become one space, and the ends are stripped.
    - character: nothing is changed.
    """
    match kind:
        case "pretokenized":
            return _IRREGULAR_ASCII_SPACES.sub(" ", segment).strip(" ")
        case "word" | "subword":
            return _IRREGULAR_SPACES.sub(" ", segment).strip(" ")
        case "character":
            return segment


def normalize(text: str, kind: TokenizerKind = "word", line_ends: LineEnds = "line") -> str:
    r"""Return a text as decoding gives it back.

    Encoding loses nothing else: `decode(encode(text)) == normalize(text, kind, line_ends)` for every text whose
    pre-tokens are all in the vocabulary. The rules:

    - `\r\n` and lone `\r` become `\n`. No other character ends a line.
    - With `line_ends = "paragraph"`, lines are joined by a space until a blank line, runs of blank lines become one,
      and those before the first word are dropped.
    - Within a line or paragraph, white space changes as `tidy` says.

    There is no Unicode normalization and no lower-casing.
    """
    lines = split_lines(text)
    tidied = [tidy(segment, kind) for segment in segments(lines, line_ends)]
    if not ends_open(lines, line_ends):
        tidied.append("")
    return MARKS[line_ends].join(tidied)


def slices(text: str, kind: TokenizerKind, size: int = SLICE) -> Iterator[str]:
    """Cut a tidy segment, or several with their ends, into slices of about `size` characters; no pre-token is cut.

    The library needs some hundred bytes for each token passed at once, and a line may be as long as a file.
    """
    start = 0
    while len(text) - start > size:
        stop = resume = text.find("\n", start + size, start + 2 * size) + 1
        if not stop:
            match = _SAFE_CUTS[kind].search(text, start + size)
            if match is None:
                break
            stop, resume = match.span()
        yield text[start:stop]
        start = resume
    yield text[start:]


def is_word_character(character: str) -> bool:
    """Return whether a character is part of a word for the word tokenizer: a letter, mark, digit or underscore.

    The empty string is none, and neither are characters that are newer than the Unicode tables of Python.
    """
    return character == "_" or bool(character and category(character)[0] in "LMN")


def trailing_word(text: str) -> str:
    """Return the word at the end of a text, which may be incomplete; empty if there is none.

    An apostrophe right after a word counts as part of it, because `don'` may become `don't`.
    """
    start = len(text)
    while start and (is_word_character(text[start - 1]) or _joins(text, start - 1)):
        start -= 1
    return text[start:]


def is_mark(pre_token: str) -> bool:
    """Return whether a pre-token of the word tokenizer is a mark rather than a word."""
    return not is_word_character(pre_token[0])


def is_opened(text: str) -> bool:
    """Return whether a text ends with an opening bracket or quote, which no space follows."""
    before, last = list(f"  {text}"[-2:])
    return last in _BRACKETS or (last in _QUOTES and (before.isspace() or before in _BRACKETS))


def _joins(text: str, place: int) -> bool:
    """Return whether an apostrophe is after a word, and before another of its characters or the end."""
    if text[place] not in APOSTROPHES or place == 0 or not is_word_character(text[place - 1]):
        return False
    return place + 1 == len(text) or is_word_character(text[place + 1])
