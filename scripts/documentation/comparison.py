"""Comparison of the output that a page shows with the output of a run.

Blanks at the ends of lines do not count. A line `...` stands for any number of lines, `...` inside a line for any
text. With a tolerance, numbers may differ by that part, and blanks by any number since numbers are aligned.
"""

import difflib
import functools
import re
from collections.abc import Sequence

ANY = "..."
_NUMBER = r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"
_TOKENS = re.compile(rf"(\.\.\.|{_NUMBER}|\s+)")
_IS_NUMBER = re.compile(_NUMBER)


def lines_of(output: str) -> list[str]:
    """Return the lines of an output as they are compared, without blank lines at both ends."""
    lines = [line.rstrip() for line in output.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def matches(shown: str, output: str, tolerance: float = 0.0) -> bool:
    """Return whether an output is what a page shows."""
    got = lines_of(output)
    ends = {0}  # how many lines of the output may have been matched so far
    for line in lines_of(shown):
        if line.strip() == ANY:
            ends = set(range(min(ends), len(got) + 1)) if ends else ends
        else:
            ends = {end + 1 for end in ends if end < len(got) and _line_matches(line, got[end], tolerance)}
    return len(got) in ends


def difference(shown: str, output: str) -> str:
    """Return what differs, line by line: `-` the page, `+` this run."""
    pair = lines_of(shown), lines_of(output)
    return "\n".join(difflib.unified_diff(*pair, "shown in the page", "printed by this run", n=2, lineterm=""))


def merged(shown: str, output: str, tolerance: float = 0.0) -> str:
    """Return an output with the `...` of what a page shows, and with its lines that still match."""
    if matches(shown, output, tolerance):
        return "\n".join(lines_of(shown))
    old, got = lines_of(shown), lines_of(output)
    kept: list[str] = []
    at = 0
    for line, upto in _alignment(old, got, tolerance):
        wild = line is not None and line.strip() == ANY
        if line is not None and (wild or _line_matches(line, got[upto - 1], tolerance)):
            kept.append(line)
        else:
            kept.extend(got[at:upto])
        at = upto
    return "\n".join(kept)


def _line_matches(line: str, got: str, tolerance: float) -> bool:
    pattern, numbers = _pattern(line, bool(tolerance))
    found = pattern.fullmatch(got)
    if found is None:
        return False
    pairs = zip(found.groups(), numbers, strict=True)
    return all(abs(_value(text) - number) <= tolerance * abs(number) for text, number in pairs)


@functools.cache
def _pattern(line: str, tolerant: bool) -> tuple[re.Pattern[str], list[float]]:
    parts, numbers = [], []
    for token in _TOKENS.split(line):
        if token == ANY:
            parts.append(".*?")
        elif tolerant and token.isspace():
            parts.append(r"\s+")
        elif tolerant and _IS_NUMBER.fullmatch(token):
            parts.append(f"({_NUMBER})")
            numbers.append(_value(token))
        else:
            parts.append(re.escape(token))
    return re.compile("".join(parts)), numbers


def _value(text: str) -> float:
    return float(text.replace(",", ""))


def _alignment(old: Sequence[str], got: Sequence[str], tolerance: float) -> list[tuple[str | None, int]]:
    """Return pairs of an old line, or `None`, and how many lines of the output are used up with it."""
    best: dict[tuple[int, int], tuple[float, list[tuple[str | None, int]]]] = {(0, 0): (0.0, [])}
    for i in range(len(old) + 1):
        for j in range(len(got) + 1):
            ways = [best[0, 0]] if i == j == 0 else []
            if i:
                cost, path = best[i - 1, j]
                wild = old[i - 1].strip() == ANY
                ways.append((cost, [*path, (ANY, j)]) if wild else (cost + 1, path))
            if j:
                cost, path = best[i, j - 1]
                absorbed = bool(path) and path[-1][0] == ANY
                ways.append((cost + 0.01, [*path[:-1], (ANY, j)]) if absorbed else (cost + 1, [*path, (None, j)]))
            if i and j:
                cost, path = best[i - 1, j - 1]
                ways.append((cost + _distance(old[i - 1], got[j - 1], tolerance), [*path, (old[i - 1], j)]))
            best[i, j] = min(ways, key=lambda way: way[0])
    return best[len(old), len(got)][1]


def _distance(line: str, got: str, tolerance: float) -> float:
    if line.strip() == ANY:
        return 2.0
    return 0.0 if _line_matches(line, got, tolerance) else 1.5 - difflib.SequenceMatcher(None, line, got).ratio()
