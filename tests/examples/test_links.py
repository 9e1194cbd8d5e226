"""Links of pages that mkdocs does not build, and pages that the code names, lead somewhere; tables have a header."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OUTSIDE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as mkdocs makes them."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in headings)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in plain}


def broken(page: Path) -> Iterator[str]:
    """Yield the links of a page that lead nowhere."""
    for name, anchor in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            yield f"{name}#{anchor}" if anchor else name


@pytest.mark.parametrize("page", OUTSIDE, ids=lambda page: page.name)
def test_links_to_the_documentation_lead_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


def test_pages_that_the_code_names_exist() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")}
    named = {(path.name, page) for path, text in sources.items() for page in re.findall(r"\bdocs/([\w/-]+\.md)", text)}
    assert ("auto_settings.py", "time.md") in named
    assert {(path, page) for path, page in named if not (ROOT / "docs" / page).exists()} == set()


def section_of(page: Path, anchor: str) -> str:
    """Return the text of a page below a heading, up to the next of its level; all of it without an anchor."""
    text = page.read_text(encoding="utf-8")
    for heading in re.finditer(r"^(#+) (.+)$", text, re.MULTILINE):
        if anchor and re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading[2]).strip().lower()) == anchor:
            return re.split(rf"^#{{1,{len(heading[1])}}} ", text[heading.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    return text


def unsupported(page: Path) -> Iterator[str]:
    """Yield the numbers of two decimals that stand with a link to results, and are not in the section linked."""
    for paragraph in page.read_text(encoding="utf-8").split("\n\n"):
        links = re.findall(r"\]\(([^)#\s]*\bresults(?:-history)?\.md)(?:#([^)\s]+))?\)", paragraph)
        shown = "".join(section_of((page.parent / name).resolve(), anchor) for name, anchor in links)
        known = {f"{float(number):.2f}" for number in re.findall(r"\d+\.\d+", shown)}
        yield from (number for number in re.findall(r"\b\d+\.\d\d\b", paragraph) if links and number not in known)


PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if "results" not in path.name)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_results_that_are_linked_have_the_number(page: Path) -> None:
    assert list(unsupported(page)) == []


def headless(page: Path) -> Iterator[str]:
    """Yield the first rows of tables that are not followed by a line of dashes, so are shown as plain text."""
    for rows in re.findall(r"(?:^\|.*\n)+", _CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        first, *others = rows.splitlines()
        if not others or set(others[0]) - set("|-: "):
            yield first


@pytest.mark.parametrize("page", [*OUTSIDE, *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name)
def test_each_table_has_a_header(page: Path) -> None:
    assert list(headless(page)) == []


def test_a_table_without_a_header_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("| a |\n|---|\n| b |\n\n| c |\n| d |\n", encoding="utf-8")
    assert list(headless(page)) == ["| c |"]


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One `two`\n[a](page.md#one-two) [b](page.md#three) [c](gone.md)\n", encoding="utf-8")
    assert list(broken(page)) == ["page.md#three", "gone.md"]
