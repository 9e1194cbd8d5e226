"""One bit of one file is flipped: no model with it is opened, and what can be made again is made again."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from nextword.bundle.store import read_bundle, write_bundle
from nextword.errors import BundleError
from nextword.system.cache import cache_entries
from nextword.text.corpus import Corpus
from support.tiny_bundle import tiny_bundle
from support.trust_cases import TrustCases, trust_amount


def flipped(path: Path) -> Iterator[None]:
    """Flip one bit of a file after another, and put the file right at the end."""
    whole, bits = path.read_bytes(), random.Random(1)
    for _ in range(trust_amount(4, 64)):
        data = bytearray(whole)
        data[bits.randrange(len(data))] ^= 1 << bits.randrange(8)
        path.write_bytes(data)
        yield
    path.write_bytes(whole)


def test_no_model_with_a_flipped_bit_is_opened(tmp_path: Path, trust_cases: TrustCases) -> None:
    write_bundle(tmp_path / "model", tiny_bundle(mixes=True))
    files = sorted((tmp_path / "model").iterdir())
    assert len(files) == 8
    for file in files:
        for _ in flipped(file):
            with pytest.raises(BundleError, match="model`"):
                read_bundle(tmp_path / "model")
            trust_cases.add()
    read_bundle(tmp_path / "model")


def test_a_folder_of_the_cache_with_a_flipped_bit_is_built_again(tmp_path: Path, trust_cases: TrustCases) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a man in want of a wife\n" * 60, encoding="utf-8")
    ids = Corpus.load(text, cache_dir=tmp_path / "cache").train.ids.tolist()
    files = [
        file for entry in cache_entries(tmp_path / "cache") if entry.path.is_dir() for file in entry.path.iterdir()
    ]
    assert len({file.name for file in files}) >= 4
    for file in files:
        for _ in flipped(file):
            assert Corpus.load(text, cache_dir=tmp_path / "cache").train.ids.tolist() == ids
            trust_cases.add()
