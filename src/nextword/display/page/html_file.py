"""Pages as one HTML file that opens from a disk, without a server and without a network: a model, or a comparison."""

import base64
import gzip
import hashlib
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from nextword.bundle.bundle import Bundle
from nextword.disk.files import disk_errors, write_file
from nextword.display.page.bigrams import BigramTable
from nextword.display.page.packed_model import pack_model
from nextword.display.page.page_facts import PageFacts
from nextword.display.page.script import one_script
from nextword.errors import ExportError, StorageError

_MARK = b"<!DOCTYPE html>\n<!-- nextword page 1 -->\n"
"""How the file begins, by which it is known."""

_CANNOT_STAND = re.compile(rb"[\x00\x0d<=]")
_ESCAPE, _SHIFT = 0x3D, 64

_NO_SCRIPT = "This page needs JavaScript, which is part of this file. It loads nothing from a network."


def write_html(
    path: Path,
    bundle: Bundle,
    *,
    bigrams: BigramTable | None = None,
    passage: str | None = None,
    facts: PageFacts | None = None,
) -> int:
    """Write the page with a model inside, or replace such a page in one step. Return its size in bytes.

    Args:
        path: The file.
        bundle: The model.
        bigrams: The words that most often follow each word of the training text.
        passage: Held-out text to guess the words of; it can be read in the file.
        facts: What the page says of the model.

    Raises:
        BundleError: `model.onnx` of a slim bundle is refused.
        ExportError: The model cannot run in the page; the message has the reason.
        StorageError: Another file is at `path`, or the disk refused; the old file is kept.
    """
    require_replaceable(path)
    data = html_page(pack_model(bundle, bigrams=bigrams, passage=passage, facts=facts))
    write_file(path, data)
    return len(data)


def require_replaceable(path: Path) -> None:
    """Refuse a path at which another file is than a page of nextword.

    Raises:
        StorageError: Another file is there.
    """
    with disk_errors(path, "read"):
        if not path.exists() or not path.is_file():  # the writer refuses what is not a file
            return
        with path.open("rb") as file:
            start = file.read(len(_MARK))
    if start != _MARK:
        raise StorageError(
            f"`{path}` must be a page of nextword to be replaced, but is another file; choose another name, or move it "
            "away"
        )


def html_page(packed: bytes) -> bytes:
    """Return the page with a packed model inside."""
    model = f'<script type="application/octet-stream" id="packed-model" data-bytes="{len(packed)}">'
    return one_page("one_file.js", model, bytes_as_text(gzip.compress(packed, 9, mtime=0)))


def one_page(entry: str, element: str, content: bytes) -> bytes:
    """Return the files of the site as one page, in windows-1252.

    Args:
        entry: The module that opens the page.
        element: Start tag of the script element that holds what the page shows.
        content: What it shows, as text of an HTML file in windows-1252.
    """
    site = files("nextword.display.page") / "site"
    script = one_script(dict(_modules(site / "js")), entry)
    style = _css_in_ascii(_text(site / "style.css"))
    page = _text(site / "index.html").removeprefix("<!DOCTYPE html>\n")
    page = _replaced(page, r'<meta charset="utf-8">', f'<meta charset="windows-1252">\n{_policy(script, style)}')
    page = _replaced(page, r'<link rel="stylesheet" href="[^"]*">', f"<style>{style}</style>")
    page = _replaced(page, r'<script type="module" src="[^"]*"></script>\n', "")
    page = _replaced(page, r"<noscript>.*?</noscript>", f"<noscript><p>{_NO_SCRIPT}</p></noscript>")
    page = re.sub(r'(<link rel="icon"[^>]*href=")page/([^"]*)"', lambda found: _with_icon(site, found), page)
    before, end, after = page.partition("</body>")
    return b"".join(
        (
            _MARK,
            _html_in_ascii(before + element),
            content,
            _html_in_ascii(f"</script>\n<script>{script}</script>\n{end}{after}"),
        )
    )


def bytes_as_text(data: bytes) -> bytes:
    r"""Return bytes as text of an HTML file in windows-1252, in which browsers read each byte as one character.

    Four bytes cannot be written as they are: NUL and CR, which browsers replace; `<`, which may end the element; and
    `=`, which begins an escape. Each of these is written as `=` and the byte 64 places later, as yEnc does. Base64
    would add a third.

    Example:
        >>> bytes_as_text(b"a<b")
        b'a=|b'
    """
    return _CANNOT_STAND.sub(lambda found: bytes((_ESCAPE, found[0][0] + _SHIFT)), data)


def _modules(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each module below a folder."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _modules(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".js"):
            yield f"{prefix}{entry.name}", _text(entry)


def _policy(script: str, style: str) -> str:
    """Return what the page may do: run its own script, and show its own style."""
    rules = (
        "default-src 'none'",
        f"script-src '{_sha256(script)}'",
        f"style-src '{_sha256(style)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">'


def _sha256(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('ascii')).digest()).decode('ascii')}"


def _replaced(page: str, pattern: str, replacement: str) -> str:
    page, count = re.subn(pattern, lambda _: replacement, page, flags=re.DOTALL)
    if count != 1:
        raise ExportError(f"`index.html` of the page must hold `{pattern}` once, but does {count} times")
    return page


def _with_icon(site: Traversable, found: re.Match[str]) -> str:
    icon = base64.b64encode((site / found[2]).read_bytes()).decode("ascii")
    return f'{found[1]}data:image/svg+xml;base64,{icon}"'


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8").replace("\r\n", "\n")


def _css_in_ascii(style: str) -> str:
    escaped = "".join(character if character <= "~" else f"\\{ord(character):x} " for character in style)
    if "</style" in escaped.lower():
        raise ExportError("the style of the page must not hold `</style`, which ends it; write it in two parts")
    return escaped


def _html_in_ascii(text: str) -> bytes:
    return text.encode("ascii", "xmlcharrefreplace")
