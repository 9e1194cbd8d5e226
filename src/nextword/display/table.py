"""Tables as lines of text, and as HTML with bars for notebooks: styles inline, no script, legible on any page.

Text takes the color of the page. Lines and bars are half transparent, so they fit any background.
"""

from collections.abc import Iterable, Sequence
from html import escape

from nextword.display.tokens import translucent

_LINE = "1px solid rgba(128,128,128,.35)"
_TABLE = "border-collapse:collapse;border:none;margin:.25em 0;font-variant-numeric:tabular-nums;color:inherit"
_CELL = "padding:.15em .75em .15em 0;border:none;background:none;color:inherit;vertical-align:middle;text-align:"
_QUIET = "opacity:.7"
_BAR_WIDTH = 8.0


class Markup(str):
    """HTML that is inserted as it is; any other string is text, and is escaped."""

    __slots__ = ()


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", left: int = 1) -> Markup:
    """Return a table.

    Cells are text, or `Markup`. The first `left` columns are aligned on the left; all others are numbers.
    """
    above = f'<div style="font-weight:600">{_html(title)}</div>' if title else ""
    head = f'<thead><tr style="border-bottom:{_LINE};background:none">{_cells("th", header, left)}</tr></thead>'
    body = "".join(f'<tr style="background:none">{_cells("td", row, left)}</tr>' for row in rows)
    return Markup(
        f'<div style="overflow-x:auto">{above}<table style="{_TABLE}">{head if header else ""}'
        f"<tbody>{body}</tbody></table></div>"
    )


def html_bar(fraction: float) -> Markup:
    """Return a bar whose length is a fraction of the longest one."""
    width = _BAR_WIDTH * min(max(fraction, 0.0), 1.0)
    color = translucent("any-blue", 0.65)
    return Markup(f'<div style="width:{width:.2f}em;height:.7em;background:{color};border-radius:2px"></div>')


def html_stack(*parts: str) -> Markup:
    """Return parts below one another; text is escaped."""
    return Markup("".join(f"<div>{_html(part)}</div>" for part in parts if part))


def _cells(kind: str, cells: Sequence[str], left: int) -> str:
    weight = f";font-weight:normal;{_QUIET}" if kind == "th" else ""
    return "".join(
        f'<{kind} style="{_CELL}{"left" if column < left else "right"}{weight}">{_html(cell)}</{kind}>'
        for column, cell in enumerate(cells)
    )


def _html(text: str) -> str:
    return text if isinstance(text, Markup) else escape(text)


def table_lines(rows: Iterable[Sequence[str]], align: str = "") -> list[str]:
    """Return rows as lines whose columns begin or end at the same character.

    `align` has `<` or `>` for each column; by default, all go to the left.
    """
    from rich.cells import cell_len  # slow to import; suggestions make tables in notebooks alone

    def aligned(cell: str, width: int, side: str) -> str:
        blank = " " * (width - cell_len(cell))
        return f"{cell}{blank}" if side == "<" else f"{blank}{cell}"

    rows = list(rows)
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    sides = align or "<" * len(widths)
    return ["  ".join(map(aligned, row, widths, sides)).rstrip() for row in rows]
