"""Files on web servers, in object stores and on any other file system that `fsspec` knows, copied into the cache."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from nextword.errors import MissingExtraError, NextwordError, TextError
from nextword.system.cache import cache_key, cached_content, cached_folder
from nextword.text.reading.progress import reported

_FORMAT = 1  # raise this number whenever the same address is kept in another way
_BLOCK = 2**20
_VERSIONS = (
    "ETag",
    "etag",
    "mtime",
    "created",
    "LastModified",
    "last_modified",
    "md5Hash",
    "Content-MD5",
    "content_md5",
)
"""What file systems call that which changes with a file; the size alone is not enough."""

_NAME = "source"


class RemoteFile(NamedTuple):
    """A copy of a remote file."""

    path: Path
    url: str


def remote_files(url: str, cache: Path) -> list[RemoteFile]:
    """Copy the files of an address into the cache, and return the copies in the order of their names.

    A file is copied once if its server tells a version, such as an ETag or a time; else it is copied each time.

    Raises:
        MissingExtraError: fsspec, or the package for this kind of address, is not installed.
        TextError: There is no such file, or it cannot be read.
        StorageError: The cache cannot be written.
    """
    if find_spec("fsspec") is None:
        raise MissingExtraError.of(f"reading `{url}` needs fsspec", None, "data")
    from fsspec.core import url_to_fs  # slow to import, and rarely needed

    with _errors_of(url):
        system, path = url_to_fs(url)
        names = sorted(filter(system.isfile, system.glob(path))) if "*" in path else [path]
        files = [(name, system.unstrip_protocol(name) if "*" in path else url) for name in names]
    if not files:
        raise TextError(f"`{url}` must match at least one file, but matches none; check the pattern")
    return [RemoteFile(_copied(system, name, shown, cache), shown) for name, shown in files]


def _copied(system: Any, name: str, url: str, cache: Path) -> Path:
    with _errors_of(url):
        info = system.info(name)
    version = _version(info)
    file_name = _file_name(url)

    def copy(empty: Path) -> None:
        _copy(system, name, url, empty / file_name, info.get("size"))

    if version:
        return cached_folder(cache / f"remote-{cache_key(_FORMAT, url, *version)}", copy) / file_name
    return cached_content(cache, "remote", copy, _FORMAT, url) / file_name


def _copy(system: Any, name: str, url: str, target: Path, size: int | None) -> None:
    with target.open("wb") as file:
        for block in reported(_blocks(system, name, url), f"copying {name_of(url)}", size):
            file.write(block)


def _blocks(system: Any, name: str, url: str) -> Iterator[bytes]:
    with _errors_of(url):
        source = system.open(name, "rb")
    with source:
        while True:
            with _errors_of(url):
                block = source.read(_BLOCK)
            if not block:
                return
            yield block


def _version(info: Mapping[str, Any]) -> list[str]:
    found = [f"{key}={info[key]}" for key in _VERSIONS if info.get(key)]
    return [f"size={info.get('size')}", *found] if found else []


def name_of(url: str) -> str:
    """Return the last part of an address.

    Example:
        >>> name_of("https://example.org/mail/a.jsonl.gz?version=2"), name_of("memory://a.txt")
        ('a.jsonl.gz', 'a.txt')
    """
    parts = urlsplit(url)
    return PurePosixPath(parts.path).name or parts.netloc


def _file_name(url: str) -> str:
    """Return a plain name with the endings that say what a file holds."""
    endings = PurePosixPath(name_of(url)).suffixes[-2:]
    return _NAME + "".join(ending for ending in endings if re.fullmatch(r"\.[A-Za-z0-9]{1,10}", ending))


@contextmanager
def _errors_of(url: str) -> Iterator[None]:
    try:
        yield
    except NextwordError:
        raise
    except ImportError as error:
        raise MissingExtraError(
            f"reading `{url}` needs a package that is missing ({error}); {MissingExtraError.advice('data')}, or the "
            "package that the message names"
        ) from error
    except FileNotFoundError as error:
        raise TextError(f"`{url}` must be a file that can be read, but does not exist; check the address") from error
    except Exception as error:  # each file system has errors of its own
        raise TextError(
            f"`{url}` must be a file that can be read, but: {type(error).__name__}: {error}; check address and access"
        ) from error
