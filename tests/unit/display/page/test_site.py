"""What the files of the page must never hold."""

import re
from collections import Counter
from pathlib import Path

import pytest

from nextword.display.page import __file__ as page_file

_SITE = Path(page_file).parent / "site"
_SCRIPTS = sorted((_SITE / "js").rglob("*.js"))
_ENTRIES = {"one_file.js"}
_FLOORS = ("tabs", "parts", "model")
_FILES = [*_SCRIPTS, _SITE / "index.html", _SITE / "style.css"]

_MARKUP_FROM_TEXT = (
    r"\b(inner|outer)HTML\b|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTMLUnsafe|srcdoc"
)
_CODE_FROM_TEXT = r"\beval\b|new Function|setTimeout\(\s*[\"'`]|javascript:"


def _id_of(path: Path) -> str:
    return path.name


def test_all_scripts_are_found() -> None:
    assert {path.parent.name for path in _SCRIPTS} == {"js", *_FLOORS}


@pytest.mark.parametrize("path", _FILES, ids=_id_of)
def test_text_becomes_neither_markup_nor_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(f"{_MARKUP_FROM_TEXT}|{_CODE_FROM_TEXT}", text) == []


@pytest.mark.parametrize("path", _FILES, ids=_id_of)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"https?://|//[a-z]+\.[a-z]+|@import|url\(", text) == []


def test_the_policy_allows_all_of_the_html() -> None:
    text = (_SITE / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"\sstyle=|\son[a-z]+=|<style|<script(?![^>]* src=)", text) == []


@pytest.mark.parametrize("path", _SCRIPTS, ids=_id_of)
def test_a_module_has_named_exports_and_relative_imports_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^export (default|\{|\*)|^import (\*|\w)|^import \{[^}]* as ", text, re.MULTILINE)
    for source in re.findall(r'^import .*? from "([^"]*)";$', text, re.MULTILINE | re.DOTALL):
        assert (path.parent / source).is_file()


def test_each_name_at_the_top_level_is_exported_once() -> None:
    exports = Counter(
        name
        for path in _SCRIPTS
        for name in re.findall(
            r"^export (?:async )?(?:function\*?|class|const) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    assert [name for name, count in exports.items() if count > 1] == []


def test_each_script_is_used() -> None:
    imported = (re.findall(r'"\.[\w./]*/(\w+\.js)"', path.read_text(encoding="utf-8")) for path in _SCRIPTS)
    assert {path.name for path in _SCRIPTS} == _ENTRIES.union(*imported)


def test_tabs_import_parts_parts_import_model_and_nothing_imports_back() -> None:
    floors = {
        path.resolve(): index for index, name in enumerate(_FLOORS) for path in _SCRIPTS if path.parent.name == name
    }
    for path, floor in floors.items():
        for source in re.findall(r' from "(\.[^"]*)";$', path.read_text(encoding="utf-8"), re.MULTILINE):
            assert floors[(path.parent / source).resolve()] >= floor, f"{path.name} imports {source}"
