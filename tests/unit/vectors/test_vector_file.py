from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.errors import StorageError, TextError
from nextword.vectors.vector_file import write_vectors


def parts(*sizes: int) -> list[NDArray[np.float32]]:
    random = np.random.default_rng(0)
    return [random.normal(size=(size, 3)).astype(np.float32) for size in sizes]


@pytest.mark.parametrize("sizes", [(1,), (4, 1, 7), (0, 2), (999, 999)])
def test_parts_are_read_back_as_one_array(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    path = tmp_path / "vectors.npy"
    assert write_vectors(path, parts(*sizes)) == (sum(sizes), 3)
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), np.concatenate(parts(*sizes)))
    assert np.load(path, mmap_mode="r").shape == (sum(sizes), 3)


def test_parts_are_written_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npy"
    sizes = []

    def watched() -> Iterator[NDArray[np.float32]]:
        for part in parts(*[20_000] * 4):
            yield part
            (partial,) = tmp_path.iterdir()
            sizes.append(partial.stat().st_size)

    write_vectors(path, watched())
    assert sizes == sorted(sizes)
    assert sizes[1] >= 20_000 * 3 * 4


def test_nothing_is_left_and_nothing_lost_where_it_goes_wrong(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npy"
    write_vectors(path, parts(2))
    before = path.read_bytes()

    def failing() -> Iterator[NDArray[np.float32]]:
        yield parts(1)[0]
        raise TextError("refused")

    with pytest.raises(TextError, match="refused"):
        write_vectors(path, failing())
    with pytest.raises(TextError, match="there must be at least one line"):
        write_vectors(path, [])
    assert [entry.name for entry in tmp_path.iterdir()] == ["vectors.npy"]
    assert path.read_bytes() == before


def test_a_file_of_another_s_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "vectors.npy.partial").write_bytes(b"mine")
    write_vectors(tmp_path / "vectors.npy", parts(2))
    assert (tmp_path / "vectors.npy.partial").read_bytes() == b"mine"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/vectors\.npy` could not be written"):
        write_vectors(tmp_path / "nowhere" / "vectors.npy", parts(1))
