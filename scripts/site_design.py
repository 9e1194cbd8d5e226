"""MkDocs hook: the site takes its colors, its fonts and its mark from the page that the package contains."""

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from nextword.display.page import __file__ as page_file

_SITE = Path(page_file).parent / "site"
_FILES = {"stylesheets/tokens.css": _SITE / "tokens.css", "images/mark.svg": _SITE / "icons" / "nextword.svg"}


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the design tokens and the mark to the files of the site."""
    for name, source in _FILES.items():
        files.append(File.generated(config, name, abs_src_path=str(source)))
    return files
