"""MkDocs hook: leave records out of the search, which is for what a reader can use."""

import re
from typing import Any

_RECORDS = re.compile(r"(lab-log|results-history)\.md|decisions/.*")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Exclude the page from the search if it is a record."""
    if _RECORDS.fullmatch(page.file.src_uri):
        page.meta.setdefault("search", {"exclude": True})
    return markdown
