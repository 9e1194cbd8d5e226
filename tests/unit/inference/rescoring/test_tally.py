import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import MissingExtraError, TextError
from nextword.inference.rescoring.nbest import Hypothesis, LineSource, NbestList
from nextword.inference.rescoring.tally import References, character_errors, word_errors

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


def test_a_missing_jiwer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(
        MissingExtraError, match="counting word errors needs jiwer, which is missing; install the extra `all`"
    ):
        word_errors("a", ["b"])


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], References]:
    def read_text(text: str) -> References:
        path = tmp_path / "references"
        path.write_text(text, encoding="utf-8")
        return References.read(LineSource(str(path)))

    return read_text


def of(utterance: str, reference: str | None = None) -> NbestList:
    return NbestList(utterance, [Hypothesis("the cat", (), {})], reference)


def test_a_table_counts_unused_references(read: Callable[[str], References]) -> None:
    references = read("u1\tthe cat\n\nu2\t\nu3\tsat\n")
    assert [references.of(of(utterance, "another")) for utterance in ("u1", "u2", "u1")] == ["the cat", "", "the cat"]
    assert references.num_unused == 1
    with pytest.raises(TextError, match="must have a reference for every utterance, but has none for `u9`; add it"):
        references.of(of("u9"))


def test_a_list_can_contain_its_reference() -> None:
    references = References()
    assert references.of(of("u1", "sat")) == "sat"
    assert references.num_unused == 0
    with pytest.raises(TextError, match="`u2` has none; give `--references FILE`"):
        references.of(of("u2"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have at least one reference, but is empty"),
        ("u1 the cat\n", "line 1: a line must have an utterance and a reference separated by one tab"),
        ("u1\tthe\tcat\n", "line 1: a line must have an utterance"),
        ("\tthe cat\n", "line 1: a line must have an utterance"),
        ("u1\ta\nu1\tb\n", "line 2: an utterance must have one reference, but `u1` has two"),
    ],
)
def test_an_invalid_line_is_named(read: Callable[[str], References], text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        read(text)
