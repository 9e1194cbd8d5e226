"""MkDocs hook: convert formulas to MathML, which browsers render without a script."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    """Return the HTML of a page with the formulas that `pymdownx.arithmatex` has marked converted to MathML."""
    return _FORMULA.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    element, formula = found.groups()
    return convert(html.unescape(formula).strip(), display="block" if element == "div" else "inline")
