"""The ARPA files that are written, read by the backoff equation."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.engine.mixture.arpa import arpa_words, write_arpa
from nextword.engine.mixture.interpolated_model import contexts_of
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.errors import TextError
from support.toy_arpa import TOY_ARPA, TOY_SENTENCES

TOKENS = ("</eos>", "<unk>", "the", "cat", "é\u00a0e")

Ngrams = dict[tuple[str, ...], tuple[float, float]]
"""The log10 probability and the log10 backoff weight of each n-gram."""


def fitted(ids: list[int], order: int, vocabulary_size: int = len(TOKENS)) -> KneserNeyModel:
    return KneserNeyModel.fit(np.array(ids, np.int32), order, vocabulary_size=vocabulary_size, end_id=0)


def written(path: Path, model: KneserNeyModel, tokens: tuple[str, ...] = TOKENS) -> Ngrams:
    write_arpa(path, model, arpa_words(tokens, end=tokens[0], unknown="<unk>"), end_id=0)
    return ngrams_of(path.read_text(encoding="utf-8"))


def ngrams_of(text: str) -> Ngrams:
    """Return the n-grams of a file; each section must have as many as the head says."""
    head, *sections, end = text.split("\n\n")
    assert (head.splitlines()[0], end) == ("\\data\\", "\\end\\\n")
    found: Ngrams = {}
    for length, section in enumerate(sections, start=1):
        title, *lines = section.splitlines()
        assert title == f"\\{length}-grams:"
        assert head.splitlines()[length] == f"ngram {length}={len(lines)}"
        for line in lines:
            probability, words, *weight = line.split("\t")
            found[tuple(words.split(" "))] = float(probability), float(weight[0]) if weight else 0.0
        assert sum(len(ngram) == length for ngram in found) == len(lines)
    return found


def log10_prob(ngrams: Ngrams, words: tuple[str, ...]) -> float:
    """Return the log10 probability of the last word after the others."""
    if words in ngrams:
        return ngrams[words][0]
    return ngrams.get(words[:-1], (0.0, 0.0))[1] + log10_prob(ngrams, words[1:])


texts = st.lists(st.integers(0, len(TOKENS) - 1), min_size=1, max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(ids=texts, order=st.integers(1, 4), others=texts)
def test_a_file_gives_the_probabilities_of_the_model(
    tmp_path: Path, ids: list[int], order: int, others: list[int]
) -> None:
    model = fitted(ids, order)
    ngrams = written(tmp_path / "small.arpa", model)
    assert {ngram for ngram in ngrams if len(ngram) == 1} == {(word,) for word in (*TOKENS[1:], "<s>", "</s>")}
    text = np.array([*others, 0], np.int32)
    found = []
    for sentence in "".join(map(str, text)).split("0")[:-1]:
        words = ["<s>", *(TOKENS[int(token)] for token in sentence), "</s>"]
        ends = range(2, len(words) + 1)
        found += [log10_prob(ngrams, tuple(words[max(0, end - order) : end])) for end in ends]
    expected = model.token_probabilities(contexts_of(text, order, end_id=0), text)
    np.testing.assert_allclose(10 ** np.array(found), expected, rtol=1e-6)


def test_special_words_stand_where_other_programs_expect_them(tmp_path: Path) -> None:
    ngrams = written(tmp_path / "small.arpa", fitted([2, 3, 0, 2, 0], 2))
    assert ngrams[("<s>",)][0] == -99
    assert ngrams[("<s>",)][1] < 0 == ngrams[("</s>",)][1]
    assert not any("</s>" in ngram[:-1] or "<s>" in ngram[1:] for ngram in ngrams)


def test_a_name_with_gz_is_written_packed(tmp_path: Path) -> None:
    model, path = fitted([2, 3, 0, 2, 0], 2), tmp_path / "small.arpa.gz"
    write_arpa(path, model, arpa_words(TOKENS, end="</eos>", unknown="<unk>"), end_id=0)
    assert ngrams_of(gzip.decompress(path.read_bytes()).decode()) == written(tmp_path / "small.arpa", model)


def test_tokens_that_an_arpa_file_cannot_hold_are_refused() -> None:
    for token in ("<s>", "</s>", "a\tb"):
        with pytest.raises(TextError, match="a word of an ARPA file must hold no white space"):
            arpa_words(("<eos>", "<unk>", "the", token), end="<eos>", unknown="<unk>")
    with pytest.raises(TextError, match="must not hold both spaces and"):
        arpa_words(("<eos>", "<unk>", ", ", ",\u2581"), end="<eos>", unknown="<unk>")
    assert arpa_words(("<eos>", "<unk>", ", ", "the"), end="<eos>", unknown="<unk>")[2] == ",\u2581"


def test_the_model_of_a_text_is_that_of_lmplz(tmp_path: Path) -> None:
    """Both fall back to the same discounts on a text this short."""
    theirs = ngrams_of(TOY_ARPA)
    tokens = ("<eos>", "<unk>", *sorted({word for (word, *rest) in theirs if not rest and word[0] != "<"}))
    ids = [tokens.index(word) for line in TOY_SENTENCES.splitlines() for word in (*line.split(), "<eos>")]
    ours = written(tmp_path / "toy.arpa", fitted(ids, 3, len(tokens)), tokens)
    assert ours.keys() == theirs.keys()
    theirs[("<s>",)] = (-99.0, theirs[("<s>",)][1])
    for ngram, numbers in theirs.items():
        assert ours[ngram] == pytest.approx(numbers, abs=1e-5), ngram
