"""MkDocs hook: the site takes its colors, its fonts and its mark from the page that the package contains.

In the HTML of its pages, `extra.css` finds flags in running text, which are not broken at their dashes, and table cells
with a sentence, which are not narrowed to a word on a phone.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from nextword.display.page import __file__ as page_file

_SITE = Path(page_file).parent / "site"
_FILES = {"stylesheets/tokens.css": _SITE / "tokens.css", "images/mark.svg": _SITE / "icons" / "nextword.svg"}
_CODE = re.compile(r"<code>[^<\n]*</code>")
_FLAG = re.compile(r"(?<![\w-])--?\w[\w-]*")
_CELL = re.compile(r"<td(?=[ >])(?=[^>]*>(.*?)</td>)", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_MIN_SENTENCE = 25
"""Characters of a cell that gets a width."""


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the design tokens and the mark to the files of the site."""
    for name, source in _FILES.items():
        files.append(File.generated(config, name, abs_src_path=str(source)))
    return files


def on_page_content(content: str, **_: Any) -> str:
    """Return the HTML of a page with classes for its flags and its cells with sentences."""
    content = _CODE.sub(lambda code: _FLAG.sub(r'<span class="flag">\g<0></span>', code[0]), content)
    return _CELL.sub(_cell, content)


def _cell(found: re.Match[str]) -> str:
    return '<td class="sentence"' if len(_TAG.sub("", found[1])) >= _MIN_SENTENCE else found[0]
