"""Counts of blank lines and of the runs of lines between them, by which the meaning of `<eos>` is chosen."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import compress, count, pairwise
from typing import Self

MINIMUM_BLANK_FRACTION = 0.02


@dataclass(frozen=True)
class LineRuns:
    """Counts of some lines, which can be added to those of the lines that follow.

    Attributes:
        num_lines: Lines.
        num_blank: Lines of white space.
        num_runs: Runs of lines that are not blank.
        num_long_runs: Runs of several lines.
        first: Lines of the run that begins with the first line; 0 if it is blank.
        last: Lines of the run that ends with the last line; 0 if it is blank.
    """

    num_lines: int = 0
    num_blank: int = 0
    num_runs: int = 0
    num_long_runs: int = 0
    first: int = 0
    last: int = 0

    @classmethod
    def of(cls, lines: Iterable[str]) -> Self:
        """Count some lines."""
        is_blank = [not stripped for stripped in map(str.strip, lines)]
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
        )

    def __add__(self, after: "LineRuns") -> "LineRuns":
        """Return the counts of these lines and those that follow.

        Example:
            >>> LineRuns.of(["a", "", "b"]) + LineRuns.of(["c"]) == LineRuns.of(["a", "", "b", "c"])
            True
        """
        meet = bool(self.last and after.first)
        was_long = (self.last > 1) + (after.first > 1)
        return LineRuns(
            num_lines=self.num_lines + after.num_lines,
            num_blank=self.num_blank + after.num_blank,
            num_runs=self.num_runs + after.num_runs - meet,
            num_long_runs=self.num_long_runs + after.num_long_runs + (1 - was_long if meet else 0),
            first=self.first + (after.first if self.first == self.num_lines else 0),
            last=after.last + (self.last if after.last == after.num_lines else 0),
        )

    @property
    def are_wrapped(self) -> bool:
        """Whether the lines are prose with wrapped lines.

        At least 2 % of them are blank then, and more than half of the runs between blank lines have several lines.
        """
        return self.num_blank >= MINIMUM_BLANK_FRACTION * self.num_lines and self.num_long_runs > self.num_runs / 2
