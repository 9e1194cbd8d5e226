"""Only the files of the page are served."""

from pathlib import Path

import pytest

from nextword.serving.routes.page import PageFiles, matches


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    (site / "js").mkdir(parents=True)
    (site / "index.html").write_text("<!DOCTYPE html>\n", encoding="utf-8")
    (site / "js" / "app.js").write_text("export {};\n", encoding="utf-8")
    (site / "secret.txt").write_text("secret", encoding="utf-8")
    (site / "js" / ".env").write_text("secret", encoding="utf-8")
    (tmp_path / "outside.js").write_text("secret", encoding="utf-8")
    return site


def test_files_have_their_type_and_a_tag_of_their_content(site: Path) -> None:
    files = PageFiles(site)
    page, script = files.find("index.html"), files.find("js/app.js")
    assert page is not None
    assert script is not None
    assert (page.media_type, script.media_type) == ("text/html; charset=utf-8", "text/javascript; charset=utf-8")
    assert page.content == b"<!DOCTYPE html>\n"
    assert page.tag != script.tag
    (site / "index.html").write_text("<!DOCTYPE html><title>Other</title>\n", encoding="utf-8")
    changed = PageFiles(site).find("index.html")
    assert changed is not None
    assert changed.tag != page.tag


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "js",
        "js/",
        "/index.html",
        "./index.html",
        "js/../index.html",
        "../outside.js",
        "secret.txt",
        "js/.env",
        "js\\app.js",
        "index.html\x00",
        "INDEX.HTML",
        "index.html/",
        "%2e%2e/outside.js",
    ],
)
def test_no_other_name_is_found(site: Path, name: str) -> None:
    assert PageFiles(site).find(name) is None


def test_without_a_folder_there_are_no_files(tmp_path: Path) -> None:
    assert PageFiles(tmp_path / "absent").find("index.html") is None


def test_the_package_brings_the_scripts_of_the_page() -> None:
    script = PageFiles().find("js/engine.js")
    assert script is not None
    assert b"export" in script.content


@pytest.mark.parametrize(
    ("header", "found"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("", False), (None, False)],
)
def test_tags_are_compared(header: str | None, found: bool) -> None:
    assert matches('"a"', header) is found
