"""The files of the page: a fixed list of names, read once, with their types and tags."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
"""The kinds of files that are served; any other file in the folder is not."""

_MAX_BYTES = 2**24


@dataclass(frozen=True)
class PageFile:
    """A file of the page.

    Attributes:
        content: Its bytes.
        media_type: Its type.
        tag: Its `ETag`.
    """

    content: bytes
    media_type: str
    tag: str


class PageFiles:
    """The files below a folder, by name such as `js/app.js`. A request can only name what is in the list.

    Args:
        root: The folder (default: that of the package).
    """

    def __init__(self, root: Traversable | None = None) -> None:
        self._root = root

    def find(self, name: str) -> PageFile | None:
        """Return a file, or `None` if there is none of this name.

        Example:
            >>> PageFiles().find("../serving/server.py") is None
            True
        """
        return self._files.get(name)

    @cached_property
    def _files(self) -> Mapping[str, PageFile]:
        root = files("nextword.display.page") / "site" if self._root is None else self._root
        return {name: _read(name, file) for name, file in _below(root, "")}


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _below(entry, f"{name}/")
        elif PurePosixPath(name).suffix in TYPES:
            yield name, entry


def _read(name: str, file: Traversable) -> PageFile:
    with file.open("rb") as opened:
        content = opened.read(_MAX_BYTES)
    return PageFile(content, TYPES[PurePosixPath(name).suffix], tag_of(hashlib.sha256(content).hexdigest()))


def tag_of(digest: str) -> str:
    """Return the `ETag` of content with this digest."""
    return f'"{digest[:32]}"'


def matches(tag: str, header: str | None) -> bool:
    """Return whether a header `If-None-Match` names a tag.

    Example:
        >>> matches('"a"', 'W/"b", W/"a"'), matches('"a"', "*"), matches('"a"', None)
        (True, True, False)
    """
    return header is not None and (
        header.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in header.split(",")]
    )
