"""A NumPy file of vectors, written while they come, so that neither they nor their number need to be known before."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from nextword.errors import TextError
from nextword.storage.single_file import replacing


def write_vectors(path: Path, parts: Iterable[NDArray[np.float32]]) -> tuple[int, int]:
    """Write parts `(N_i, H)` one after another as one array `(N, H)`, float32, that `numpy.load` reads.

    The file has its name only once it is whole.

    Returns:
        `N` and `H`.

    Raises:
        TextError: There is not one vector.
        StorageError: The disk refused; what was there before is kept.
    """
    with replacing(path) as temporary, temporary.open("xb") as file:
        return _write(file, parts)


def _write(file: BinaryIO, parts: Iterable[NDArray[np.float32]]) -> tuple[int, int]:
    num_vectors = width = 0
    for index, part in enumerate(parts):
        if index == 0:
            width = part.shape[1]
            file.write(_header((0, width)))
        file.write(np.ascontiguousarray(part, "<f4").data)
        num_vectors += len(part)
    if not num_vectors:
        raise TextError("there must be at least one line to make a vector of, but there is none; give some lines")
    file.seek(0)
    file.write(_header((num_vectors, width)))
    return num_vectors, width


def _header(shape: tuple[int, int]) -> bytes:
    """Return the header, which NumPy makes long enough for the largest number of rows there may be."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return header.getvalue()
