from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword import kenlm
from nextword.engine.methods.ngram import Ngram, NgramEngine, NgramModelEngine, NgramOptions, arpa_model
from nextword.engine.ngram.interpolated_model import contexts_of
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.engine.stream import token_log_probs
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError, TextError
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.inference.suggestion.suggestion import suggest
from support.inner_engines import BigramEngine, splits_of, text_of, toy_engine
from support.toy_arpa import TOY_ARPA

TEXT = np.random.default_rng(0).integers(6, size=12, dtype=np.int32)


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_it_mixes_what_both_say(order: int, weight: float) -> None:
    toy = toy_engine(1)
    model = KneserNeyModel.fit(np.tile(TEXT, 3), order, vocabulary_size=11, end_id=toy.end_id)
    engine = NgramEngine(toy, model, weight=weight)
    inputs = np.concatenate(([toy.end_id], TEXT[:-1])).astype(np.int32)[None]
    found, _ = engine.predict_window(inputs, engine.start(1))
    own, _ = toy.predict_window(inputs, toy.start(1))
    counted = model.probabilities(contexts_of(TEXT, order, end_id=toy.end_id))
    np.testing.assert_allclose(
        np.exp(found.log_probs[0]), (1 - weight) * np.exp(own.log_probs[0]) + weight * counted, rtol=1e-4
    )


def test_a_model_of_another_vocabulary_is_refused() -> None:
    model = KneserNeyModel.fit(TEXT, 2, vocabulary_size=9, end_id=3)
    with pytest.raises(SettingError, match="must have the 11 tokens of the engine, but has 9"):
        NgramEngine(toy_engine(1), model, weight=0.5)


def test_weight_and_order_are_found() -> None:
    writer, engine = BigramEngine(seed=2, boldness=2.0), BigramEngine(seed=1)
    train, valid = text_of(writer, 2_000), text_of(writer, 500, seed=4)
    splits = splits_of(train=train, valid=valid)
    tuned = Ngram().apply(engine, NgramOptions(), splits, {"ngram_order", "ngram_weight"})
    found = token_log_probs(tuned.engine, valid).mean()
    for order in (3, 5):
        for weight in (0.0, 0.5, 0.9, 1.0):
            options = NgramOptions(ngram_order=order, ngram_weight=weight)
            assert token_log_probs(Ngram().apply(engine, options, splits, ()).engine, valid).mean() <= found + 1e-5
    assert tuned.options.to_table()["ngram_weight"] > 0.8  # the engine is not the writer


def test_untuned_it_reads_the_train_split_alone() -> None:
    splits = splits_of(train=np.array([2, 3, 0, 2, 3, 0], np.int32))
    options = NgramOptions(ngram_order=2, ngram_weight=1.0)
    engine = Ngram().apply(BigramEngine(), options, splits, ()).engine
    log_probs, _ = engine.step(np.array([2]), engine.start(1))
    assert int(log_probs.argmax()) == 3


LONG_TEXT = np.random.default_rng(0).integers(6, size=40, dtype=np.int32)

WORDS = ("the", "cat", "sat", "on", "mat", "a", "dog", "bird", "zebra", "<unk>")


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("cut", [1, 7])
def test_it_says_what_the_model_says(order: int, cut: int) -> None:
    model = KneserNeyModel.fit(LONG_TEXT, order, vocabulary_size=8, end_id=3)
    engine = NgramModelEngine(model, end_id=3)
    expected = model.probabilities(contexts_of(LONG_TEXT, order, end_id=3))
    inputs = np.concatenate(([3], LONG_TEXT[:-1])).astype(np.int32)[None]
    state, found = engine.start(1), []
    for first in range(0, len(LONG_TEXT), cut):
        prediction, state = engine.predict_window(inputs[:, first : first + cut], state)
        assert prediction.hidden is None
        found.append(prediction.log_probs[0])
    np.testing.assert_allclose(np.exp(np.concatenate(found)), expected, rtol=1e-5)


def test_rows_do_not_depend_on_their_neighbors() -> None:
    engine = NgramModelEngine(KneserNeyModel.fit(LONG_TEXT, 3, vocabulary_size=8, end_id=3), end_id=3)
    _, state = engine.predict_window(np.array([[1, 2], [4, 5]], np.int32), engine.start(2))
    both, _ = engine.step(np.array([0, 1], np.int32), state)
    alone, _ = engine.step(np.array([1], np.int32), engine.select(state, np.array([1])))
    np.testing.assert_array_equal(both[1], alone[0])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("arpa") / "toy.arpa"
    path.write_text(TOY_ARPA, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(path: Path) -> TextModel:
    return arpa_model(path)


@given(lines=st.lists(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join), max_size=4), bos=st.booleans())
@pytest.mark.parametrize("eos", [True, False])
def test_lines_have_the_scores_of_kenlm(
    path: Path, model: TextModel, lines: list[str], *, bos: bool, eos: bool
) -> None:
    expected = [kenlm.Model(str(path)).score(line, bos=bos, eos=eos) for line in lines]
    found = [line.log10_prob for line in score_lines(model, lines, ScoringOptions(bos=bos, eos=eos))]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_lines_that_are_read_as_one_text_have_no_context(path: Path, model: TextModel) -> None:
    lines = ["the cat sat", "a dog"]
    found = [line.log10_prob for line in score_lines(model, lines, ScoringOptions(carry=True))]
    np.testing.assert_allclose(found, list(map(kenlm.Model(str(path)).score, lines)), atol=1e-5)


def test_probabilities_sum_to_one(model: TextModel) -> None:
    engine, ids = model.engine, model.tokenizer.encode("the cat sat on")
    prediction, _ = engine.predict_window(np.array([[engine.end_id, *ids]], np.int32), engine.start(1))
    np.testing.assert_allclose(np.exp(prediction.log_probs).sum(axis=-1), 1, atol=1e-5)


def test_words_are_suggested(model: TextModel) -> None:
    assert [found.text for found in suggest(model, "the", 2)] == ["cat", "mat"]


def test_a_model_of_single_words_needs_no_context(tmp_path: Path) -> None:
    path = tmp_path / "one.arpa"
    path.write_text(
        "\\data\\\nngram 1=4\n\n\\1-grams:\n-0.6\t</s>\n-99\t<s>\n-0.6\tcat\n-0.3\t<unk>\n\n\\end\\\n", encoding="utf-8"
    )
    (found,) = score_lines(arpa_model(path), ["cat dog cat"])
    assert found.log10_prob == pytest.approx(kenlm.Model(str(path)).score("cat dog cat"), abs=1e-5)


def test_the_end_of_a_line_has_one_name(tmp_path: Path) -> None:
    path = tmp_path / "ends.arpa"
    path.write_text(TOY_ARPA.replace("mat", "<eos>"), encoding="utf-8")
    with pytest.raises(TextError, match=r"ends\.arpa` must not have the word `<eos>`"):
        arpa_model(path)
