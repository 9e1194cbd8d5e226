"""Corpora known by name."""

import atexit
import os
from contextlib import ExitStack
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from nextword.storage.cache import cache_root
from nextword.text import download

SAMPLES = ("austen", *download.DOWNLOADS)
"""The names that stand for a text."""


def sample_path(name: str, *, data_dir: Path | None = None, cache_dir: Path | None = None) -> Path:
    """Return the file or folder of a sample, downloaded if need be.

    `austen` lies in the package. The others are looked for as folders `ptb` and `wikitext-2` in `data_dir`, else in
    the folder that the variable `NEXTWORD_DATA` names, and then among what was downloaded before.

    Raises:
        TextError: The sample can be neither found nor downloaded.
    """
    if name == "austen":
        return _packaged("austen.txt")
    variable = os.environ.get("NEXTWORD_DATA")
    data = data_dir or (Path(variable) if variable else None)
    if data is not None and (data / name).is_dir():
        return data / name
    return download.fetch(name, cache_root(cache_dir) / "samples" / name)


@cache
def _packaged(name: str) -> Path:
    """Return the path of a file of the package, unpacked until the program ends if the package is an archive."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(as_file(files("nextword.text") / "samples" / name))
