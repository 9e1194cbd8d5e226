from itertools import pairwise
from pathlib import Path

import pytest

from nextword.text.sources.shuffle import ShuffledDocuments

DOCUMENTS = [f"document {number}\n\ud800 é" for number in range(500)]


def shuffled(folder: Path, *, seed: int = 0, block: int = 0) -> list[str]:
    with ShuffledDocuments(folder, seed, block) as documents:
        for document in DOCUMENTS:
            documents.add(document)
        found = list(documents.documents())
    assert list(folder.iterdir()) == []
    return found


def test_all_documents_come_in_an_order_that_the_seed_decides(tmp_path: Path) -> None:
    found = shuffled(tmp_path)
    assert found != DOCUMENTS
    assert sorted(found) == sorted(DOCUMENTS)
    assert shuffled(tmp_path) == found
    assert shuffled(tmp_path, seed=1) != found
    assert sorted(shuffled(tmp_path, seed=1)) == sorted(DOCUMENTS)


def test_every_place_is_as_likely_as_any_other(tmp_path: Path) -> None:
    """The place of the first document among 200 seeds: its mean is that of a uniform draw, to four deviations."""
    places = [shuffled(tmp_path, seed=seed).index(DOCUMENTS[0]) for seed in range(200)]
    mean = sum(places) / len(places)
    deviation = len(DOCUMENTS) / 12**0.5 / len(places) ** 0.5
    assert mean == pytest.approx((len(DOCUMENTS) - 1) / 2, abs=4 * deviation)


def test_documents_of_a_block_stay_together(tmp_path: Path) -> None:
    found = shuffled(tmp_path, block=10 * len(DOCUMENTS[-1]))
    numbers = [DOCUMENTS.index(document) for document in found]
    breaks = sum(after != before + 1 for before, after in pairwise(numbers))
    assert 20 < breaks <= len(DOCUMENTS) // 10 + 1
    assert sorted(found) == sorted(DOCUMENTS)


def test_no_documents_are_no_documents(tmp_path: Path) -> None:
    with ShuffledDocuments(tmp_path, 0, 0) as documents:
        assert list(documents.documents()) == []
