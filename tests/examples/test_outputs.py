"""Every chapter of the course prints what it says: `scripts/outputs.py --check`, page by page."""

from pathlib import Path

import pytest

from documentation.page import Page

ROOT = Path(__file__).parents[2]
PAGES = [Page(path) for path in sorted((ROOT / "docs" / "learn").glob("*.md"))]
CASES = [
    pytest.param(page, id=page.path.stem, marks=[pytest.mark.slow] if page.is_slow else [])
    for page in PAGES
    if page.examples
]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", CASES)
def test_a_chapter_prints_what_it_says(page: Page) -> None:
    problems = list(page.problems())
    assert not problems, "\n".join(problems)
