import sys

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import MissingExtraError
from nextword.inference.rescoring.tally import character_errors, word_errors

TEXT = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=6).map(" ".join)


def edit_distance(reference: str | list[str], hypothesis: str | list[str]) -> int:
    """The standard dynamic program."""
    row = np.arange(len(hypothesis) + 1)
    for place, item in enumerate(reference, start=1):
        before, row = row, np.concatenate(([place], np.zeros(len(hypothesis), int)))
        for other in range(1, len(hypothesis) + 1):
            substituted = before[other - 1] + (item != hypothesis[other - 1])
            row[other] = min(substituted, before[other] + 1, row[other - 1] + 1)
    return int(row[-1])


@given(reference=TEXT, hypotheses=st.lists(TEXT, min_size=1, max_size=4))
def test_errors_are_edit_distances(reference: str, hypotheses: list[str]) -> None:
    words, characters = word_errors(reference, hypotheses), character_errors(reference, hypotheses)
    assert (words.length, characters.length) == (len(reference.split()), len(reference))
    assert words.errors.tolist() == [edit_distance(reference.split(), text.split()) for text in hypotheses]
    assert characters.errors.tolist() == [edit_distance(reference, text) for text in hypotheses]


def test_the_rates_of_a_corpus_match_jiwer() -> None:
    references = ["the cat sat", "a dog", "no"]
    hypotheses = ["the cats at", "a dog", ""]
    counts = [word_errors(reference, [text]) for reference, text in zip(references, hypotheses, strict=True)]
    rate = sum(int(count.errors[0]) for count in counts) / sum(count.length for count in counts)
    assert rate == pytest.approx(jiwer.wer(references, hypotheses))


def test_a_missing_jiwer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(
        MissingExtraError, match="counting word errors needs jiwer, which is missing; install the extra `all`"
    ):
        word_errors("a", ["b"])
