r"""Where `<eos>` is: lines are joined into segments, and each segment ends with one `<eos>`.

```
line        the file's lines      |a  b|c  d|  |e|        a b <eos> c d <eos> <eos> e <eos>
paragraph   the same              |a  b|c  d|  |e|        a b c d <eos> e <eos>
```
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, count, pairwise
from typing import Self

from nextword.text.options import LineEnds

MARKS: dict[LineEnds, str] = {"line": "\n", "paragraph": "\n\n"}
"""The characters that end a segment in running text."""

_MIN_BLANK_FRACTION = 0.02


def segments(lines: Iterable[str], line_ends: LineEnds) -> Iterator[str]:
    """Yield the segments: each line, or the lines between blank lines joined by spaces.

    Example:
        >>> list(segments(["It is", "a truth", "", "", "My dear"], "paragraph"))
        ['It is a truth', 'My dear']
    """
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
