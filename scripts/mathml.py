"""MkDocs hook: convert formulas to MathML, which browsers render without a script."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
_TEXT = re.compile(r"(?<=\\text{)[^{}]*|(?<=\\texttt{)[^{}]*")


def on_page_content(content: str, **_: Any) -> str:
    """Return the HTML of a page with the formulas that `pymdownx.arithmatex` has marked converted to MathML."""
    return _FORMULA.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    element, formula = found.groups()
    # latex2mathml copies text as it is, and an `<unk>` there would be an element that holds the rest of the page.
    escaped = _TEXT.sub(lambda text: html.escape(text[0]), html.unescape(formula).strip())
    if element == "span":
        return convert(escaped)
    return f'<div class="formula">{convert(escaped, display="block")}</div>'
