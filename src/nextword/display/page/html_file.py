"""The page with a model inside, as one HTML file that opens from a disk, without a server and without a network."""

import base64
import gzip
import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from nextword.bundle.bundle import Bundle
from nextword.bundle.origin_text import OriginText
from nextword.bundle.store import identity_of, read_bundle
from nextword.display.page.packed_model import pack_model
from nextword.display.page.page_facts import PageFacts, facts_of, held_out_passage
from nextword.errors import ExportError, StorageError
from nextword.system.files import disk_errors, write_file

_MARK = b"<!DOCTYPE html>\n<!-- nextword page 1 -->\n"
"""How the file begins, by which it is known."""

_CANNOT_STAND = re.compile(rb"[\x00\x0d<=]")
_ESCAPE, _SHIFT = 0x3D, 64


def write_page(path: Path, text: OriginText, *, with_passage: bool) -> int:
    """Write the page of a model as one file, with a passage of the test split if asked for; return its size in bytes.

    Raises:
        TextError: The passage is asked for, and the text cannot be read.
    """
    bundle, model_hash = read_bundle(text.origin.bundle), identity_of(text.origin.bundle).split()[-1]
    passage = held_out_passage(text) if with_passage else None
    return write_html(path, bundle, passage=passage, facts=facts_of(bundle, text.origin.run, model_hash))


def write_html(
    path: Path,
    bundle: Bundle,
    *,
    passage: str | None = None,
    facts: PageFacts | None = None,
) -> int:
    """Write the page with a model inside, or replace such a page in one step. Return its size in bytes.

    Raises:
        BundleError: `model.onnx` of a slim bundle is refused.
        ExportError: The model cannot run in the page; the message has the reason.
        StorageError: Another file is at `path`, or the disk refused; the old file is kept.
    """
    require_replaceable(path)
    data = html_page(pack_model(bundle, passage=passage, facts=facts))
    write_file(path, data)
    return len(data)


def require_replaceable(path: Path) -> None:
    """Refuse a path at which another file is than a page of nextword."""
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
    """Return the page with a packed model inside, in windows-1252."""
    model = f'<script type="application/octet-stream" id="packed-model" data-bytes="{len(packed)}">'
    content = bytes_as_text(gzip.compress(packed, 9, mtime=0))
    site = files("nextword.display.page") / "site"
    script = one_script(dict(_modules(site / "js")), "one_file.js")
    style = _css_in_ascii(_text(site / "tokens.css") + _text(site / "style.css"))
    icon = base64.b64encode((site / "icons" / "nextword.svg").read_bytes()).decode("ascii")
    parts = {
        "<!-- policy -->": _policy(script, style),
        "<!-- icon -->": f"data:image/svg+xml;base64,{icon}",
        "<!-- style -->": f"<style>{style}</style>",
    }
    page = _text(site / "index.html").removeprefix("<!DOCTYPE html>\n")
    for place, part in parts.items():
        page = page.replace(place, part)
    before, after = page.split("<!-- content -->")
    end = f"</script>\n<script>{script}</script>{after}"
    return b"".join((_MARK, _html_in_ascii(before + model), content, _html_in_ascii(end)))


def bytes_as_text(data: bytes) -> bytes:
    r"""Return bytes as text of an HTML file in windows-1252, in which browsers read each byte as one character.

    Four bytes cannot be written as they are: NUL and CR, which browsers replace; `<`, which may end the element; and
    `=`, which begins an escape. Each of these is written as `=` and the byte 64 places later, as yEnc does. Base64
    would add a third.
    """
    return _CANNOT_STAND.sub(lambda found: bytes((_ESCAPE, found[0][0] + _SHIFT)), data)


def _modules(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _modules(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".js"):
            yield f"{prefix}{entry.name}", _text(entry)


def _policy(script: str, style: str) -> str:
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


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8").replace("\r\n", "\n")


def _css_in_ascii(style: str) -> str:
    escaped = "".join(character if character <= "~" else f"\\{ord(character):x} " for character in style)
    if "</style" in escaped.lower():
        raise ExportError("the style of the page must not hold `</style`, which ends it; write it in two parts")
    return escaped


def _html_in_ascii(text: str) -> bytes:
    return text.encode("ascii", "xmlcharrefreplace")


_IMPORT = re.compile(r'^import\s*\{([^{}]*)\}\s*from\s*"(\.\.?/[\w/.-]+\.js)";[ \t]*$', re.MULTILINE)
_EXPORT = re.compile(r"^export\s+((?:async\s+)?function|class|const)\s+(\w+)", re.MULTILINE)
_REFUSED = re.compile(r"^\s*(?:import|export)\b.*|\bimport\s*\(.*", re.MULTILINE)
_ENDS_SCRIPT = re.compile(r"</script|<!--|<script", re.IGNORECASE)


def one_script(sources: Mapping[str, str], entry: str) -> str:
    """Return the module `entry` and all that it imports as one classic script, in ASCII."""
    parts = [_as_function(name, sources[name]) for name in _in_order(sources, entry)]
    script = in_ascii('"use strict";\n(() => {\n' + "".join(parts) + "})();\n")
    if found := _ENDS_SCRIPT.search(script):
        raise ExportError(f"a script of the page must not hold `{found[0]}`, which ends it; write it in two parts")
    return script


def in_ascii(script: str) -> str:
    r"""Return JavaScript with all other characters as escapes of UTF-16 units."""
    units = (character.encode("utf-16-be") if character > "~" else b"" for character in script)
    return "".join(
        "".join(f"\\u{pair[0]:02x}{pair[1]:02x}" for pair in zip(unit[::2], unit[1::2], strict=True)) or character
        for character, unit in zip(script, units, strict=True)
    )


def _in_order(sources: Mapping[str, str], entry: str) -> list[str]:
    order: list[str] = []
    open_modules: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        if name in open_modules:
            raise ExportError(f"the modules of the page must not import each other in a cycle, but {name} does")
        if name not in sources:
            raise ExportError(f"the page must hold the module {name}, but does not; install nextword again")
        open_modules.append(name)
        for _, path in _IMPORT.findall(sources[name]):
            visit(_beside(name, path))
        open_modules.remove(name)
        order.append(name)

    visit(entry)
    return order


def _as_function(name: str, source: str) -> str:
    def imported(match: re.Match[str]) -> str:
        names = " ".join(match[1].split())
        return f"const {{ {names} }} = {_variable(_beside(name, match[2]))};"

    exports = [match[2] for match in _EXPORT.finditer(source)]
    body = _EXPORT.sub(r"\1 \2", _IMPORT.sub(imported, source))
    if found := _REFUSED.search(body):
        raise ExportError(f"a module of the page must follow the convention, but {name} holds `{found[0].strip()}`")
    returned = f"return {{ {', '.join(exports)} }};\n"
    return f"const {_variable(name)} = (() => {{\n{body}{returned}}})();\n"


def _beside(name: str, path: str) -> str:
    """Return the path of a module that the module `name` imports by a relative path."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _variable(name: str) -> str:
    return f"module_{re.sub('[^0-9A-Za-z]', '_', name.removesuffix('.js'))}"
