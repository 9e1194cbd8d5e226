"""Every chapter of the course, every page of a command, and the pages of errors and of other tools print what they say.

`scripts/outputs.py --check`, page by page; `test_documentation.py` parses the pages whose outputs nothing compares.
"""

from itertools import pairwise
from pathlib import Path

import pytest

from documentation.blocks import blocks_of
from documentation.page import Page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHAPTERS = [Page(path) for path in sorted((DOCS / "learn").glob("*.md"))]
COMMANDS = [Page(path) for path in sorted((DOCS / "commands").glob("*.md"))]
OTHERS = [Page(DOCS / name) for name in ("coming-from.md", "troubleshooting.md")]
QUICK = {"suggest"}
CASES = [
    *((page, page.is_slow) for page in CHAPTERS),
    *((page, page.path.stem not in QUICK) for page in COMMANDS),
    *((page, True) for page in OTHERS),
]


@pytest.mark.parametrize("page", [*CHAPTERS, *COMMANDS, *OTHERS], ids=lambda page: page.path.stem)
def test_no_output_is_shown_twice(page: Page) -> None:
    for above, below in pairwise(blocks_of(page.path)):
        between = page.text[above.place.stop : below.place.start]
        assert above.language != "text" or below.language != "text" or between.strip(), f"{page.path}:{below.line}"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=f"{page.path.parent.name}-{page.path.stem}", marks=[pytest.mark.nightly] if slow else [])
        for page, slow in CASES
        if page.is_compared
    ],
)
def test_a_page_prints_what_it_says(page: Page) -> None:
    problems = list(page.problems())
    assert not problems, "\n".join(problems)
