"""Both kinds of models score a sentence as the sum of its words."""

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nextword.bundle.onnx.file import Precision
from nextword.bundle.store import find_model
from nextword.engine.ngram.arpa import read_arpa
from nextword.engine.opening import open_model
from nextword.inference.scoring.sentence_scorers import NetworkScorer, NgramScorer, SentenceScorer
from support.small_model import small_model
from support.toy_arpa import TOY_ARPA
from support.toy_engine import ToyEngine

WORDS = ("she", "was", "very", "much", "obliged", "Mr.", "Darcy,", "zebra", "</s>")


@pytest.fixture(scope="module")
def int8_scorer() -> NetworkScorer:
    """A scorer over the sample model."""
    model = open_model(find_model("austen"))
    assert model.precision == "int8"
    return NetworkScorer(model)


@pytest.fixture
def network_scorer() -> NetworkScorer:
    """A scorer over a network in float32."""
    return NetworkScorer(small_model("word"))


@pytest.fixture
def ngram_scorer(tmp_path: Path) -> NgramScorer:
    """A scorer over a trigram model."""
    path = tmp_path / "toy.arpa"
    path.write_text(TOY_ARPA, encoding="utf-8")
    return NgramScorer(read_arpa(path))


@pytest.mark.parametrize("kind", ["int8_scorer", "network_scorer", "ngram_scorer"])
@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("eos", [True, False])
def test_a_sentence_is_the_sum_of_its_words_and_of_the_steps(
    kind: str, request: pytest.FixtureRequest, *, bos: bool, eos: bool
) -> None:
    scorer: SentenceScorer = request.getfixturevalue(kind)
    draw = random.Random(1)
    for length in (0, 1, 7, 12, 40):
        words = [draw.choice(WORDS[: -1 if length > 7 else None]) for _ in range(length)]
        scored = list(scorer.words(words, bos=bos, eos=eos))
        assert len(scored) == length + eos
        total = scorer.sentence(words, bos=bos, eos=eos)
        assert total == pytest.approx(sum(log10_prob for log10_prob, _, _ in scored), abs=1e-4)
        context, by_steps = scorer.begin if bos else scorer.null, 0.0
        for word in (*words, *(["</s>"] if eos else [])):
            by_steps += (step := scorer.next_word(context, word)).log10_prob
            context = step.after
        assert by_steps == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_network_reads_a_sentence_in_one_pass(precision: Precision) -> None:
    model = replace(small_model("word"), precision=precision)
    scorer, engine = NetworkScorer(model), model.engine
    assert isinstance(engine, ToyEngine)
    engine.shapes.clear()
    scorer.sentence(["the", "cat", "sat"], bos=True, eos=True)
    assert len(engine.shapes) == 1


def test_a_network_reads_all_words_and_an_ngram_model_the_last(
    network_scorer: NetworkScorer, ngram_scorer: NgramScorer
) -> None:
    assert (network_scorer.order, ngram_scorer.order) == (sys.maxsize, 3)
    words = ["the", "cat", "the", "cat"]
    assert [length for _, length, _ in network_scorer.words(words, bos=True, eos=False)] == [2, 3, 4, 5]
    assert max(length for _, length, _ in ngram_scorer.words(words, bos=True, eos=False)) <= 3


def test_a_word_is_known_if_the_vocabulary_holds_it(network_scorer: NetworkScorer, ngram_scorer: NgramScorer) -> None:
    for scorer in (network_scorer, ngram_scorer):
        assert [scorer.knows(word) for word in ("cat", "zebra", "<unk>")] == [True, False, False]
        assert [is_unknown for _, _, is_unknown in scorer.words(["cat", "zebra"], bos=True, eos=True)] == [
            False,
            True,
            False,
        ]
        assert scorer.split(" the\tcat\n") == ["the", "cat"]
