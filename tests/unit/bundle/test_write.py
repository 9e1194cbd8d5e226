from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.bundle.read import read_bundle
from nextword.bundle.write import write_bundle
from nextword.errors import BundleError, StorageError
from nextword.storage import sealed_directory
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary


def test_what_is_written_is_read(path: Path, bundle: Bundle) -> None:
    again = read_bundle(path)
    assert (again.name, again.architecture, again.tokenizer, again.card) == (
        bundle.name,
        bundle.architecture,
        bundle.tokenizer,
        bundle.card,
    )
    assert list(again.weights) == list(bundle.architecture.weight_shapes())
    for name, weight in bundle.weights.items():
        np.testing.assert_array_equal(again.weights[name], weight, strict=True)


def test_the_files_are_those_of_the_contract(files: dict[str, bytes]) -> None:
    assert set(files) == {"config.json", "tokenizer.json", "weights.safetensors", "README.md"}


def test_the_same_bundle_is_written_to_the_same_bytes(tmp_path: Path, path: Path, bundle: Bundle) -> None:
    write_bundle(tmp_path / "again", read_bundle(path))
    assert sealed_directory.read(tmp_path / "again") == sealed_directory.read(path)


def test_a_bundle_is_replaced_only_when_asked(path: Path, bundle: Bundle) -> None:
    other = replace(bundle, name="other")
    with pytest.raises(StorageError, match="exists already"):
        write_bundle(path, other)
    assert read_bundle(path).name == bundle.name
    write_bundle(path, other, replace=True)
    assert read_bundle(path).name == "other"


def test_a_card_that_no_reader_would_take_is_not_written(tmp_path: Path, bundle: Bundle) -> None:
    with pytest.raises(BundleError, match=r"`README\.md` must be at most"):
        write_bundle(tmp_path / "long", replace(bundle, card="x" * (2**20 + 1)))
    assert not (tmp_path / "long").exists()


def test_a_tokenizer_that_no_reader_would_take_is_not_written(tmp_path: Path, bundle: Bundle) -> None:
    vocabulary = Vocabulary(("<unk>", "<eos>", *(letter * 40_000 for letter in "abcd")))
    with pytest.raises(BundleError, match=r"`tokenizer\.json` must be at most"):
        write_bundle(tmp_path / "long", replace(bundle, tokenizer=Tokenizer("word", "line", vocabulary)))
    assert not (tmp_path / "long").exists()
