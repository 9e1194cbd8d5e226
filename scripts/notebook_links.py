"""MkDocs hook: below the title of each chapter of the course, links to its notebook and, on a public site, to Colab.

The publisher names the repository in `NEXTWORD_REPO_URL`, such as `https://github.com/OWNER/NAME`; see mkdocs.yml.
"""

import os
import re
from pathlib import PurePosixPath
from typing import Any

from documentation.notebook import colab_link, notebook_name


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page with the links, if it is a chapter."""
    path = PurePosixPath(page.file.src_uri)
    name = notebook_name(markdown, path.stem) if path.parent.name == "learn" else None
    if name is None:
        return markdown
    links = [f"[Notebook](notebooks/{name})", colab_link(name, os.environ.get("NEXTWORD_REPO_URL", ""))]
    return re.sub(r"\A(# .+\n)", lambda title: f"{title[1]}\n{' · '.join(filter(None, links))}\n", markdown)
