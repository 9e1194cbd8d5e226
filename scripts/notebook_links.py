"""MkDocs hook: below the title of each chapter of the course, links to its notebook and, on a public site, to Colab.

The publisher names the repository in `NEXTWORD_REPO_URL`, such as `https://github.com/OWNER/NAME`; see mkdocs.yml.
"""

import os
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from documentation.notebook import notebook_name

_COLAB = "https://colab.research.google.com/github"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page with the links, if it is a chapter."""
    path = PurePosixPath(page.file.src_uri)
    name = notebook_name(markdown, path.stem) if path.parent.name == "learn" else None
    if name is None:
        return markdown
    links = [f"[Notebook](notebooks/{name})"]
    repository = urlsplit(os.environ.get("NEXTWORD_REPO_URL", ""))
    if repository.hostname == "github.com":
        links.append(f"[Open in Colab]({_COLAB}{repository.path}/blob/main/docs/learn/notebooks/{name})")
    return re.sub(r"\A(# .+\n)", lambda title: f"{title[1]}\n{' · '.join(links)}\n", markdown)
