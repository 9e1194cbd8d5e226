r"""Where `<eos>` is: lines are joined into segments, and each segment ends with one `<eos>`.

```
line        the file's lines      |a  b|c  d|  |e|        a b <eos> c d <eos> <eos> e <eos>
paragraph   the same              |a  b|c  d|  |e|        a b c d <eos> e <eos>
```
"""

from collections.abc import Iterable, Iterator, Sequence

from nextword.text.options import LineEnds
from nextword.text.tokens.line_runs import LineRuns

MARKS: dict[LineEnds, str] = {"line": "\n", "paragraph": "\n\n"}
"""The characters that end a segment in running text."""


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


def choose_line_ends(lines: Iterable[str]) -> LineEnds:
    """Choose "paragraph" for prose with wrapped lines (`LineRuns.are_wrapped`), "line" for verse and other text."""
    return line_ends_of(LineRuns.of(lines))


def line_ends_of(runs: LineRuns) -> LineEnds:
    """Return what `choose_line_ends` chooses for lines with these counts."""
    return "paragraph" if runs.are_wrapped else "line"


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    held: list[str] = []
    for line in lines:
        if not _is_blank(line):
            held.append(line)
        elif held:
            yield " ".join(held)
            held = []
    if held:
        yield " ".join(held)


def _is_blank(line: str) -> bool:
    return not line.strip()
