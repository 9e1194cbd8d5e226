"""MkDocs hook: put the sample model, as one HTML file, into the site, and show it live in pages."""

import subprocess
import sys
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

from documentation.live import MODEL_FILE, with_figures


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the page with the model inside to the files of the site."""
    files.append(File.generated(config, MODEL_FILE, content=model_page()))
    return files


def on_page_content(content: str, page: Page, **_: Any) -> str:
    """Return the HTML of a page with the model in place of each comment `<!-- live: NAME -->`."""
    return with_figures(content, partial(get_relative_url, other=page.url))


@cache
def model_page() -> bytes:
    """Return the page of the sample model, written once, however often `mkdocs serve` builds the site again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "austen.html"
        command = [sys.executable, "-m", "nextword", "export", "austen", "--html", str(path), "--passage"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return path.read_bytes()
