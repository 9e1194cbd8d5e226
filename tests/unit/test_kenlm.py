import math
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword import kenlm
from nextword.bundle.store import write_bundle
from nextword.engine.opening import open_model
from nextword.engine.text_model import LoadedModel
from nextword.errors import BundleError, TextError
from nextword.inference.scoring.lines import score_lines
from nextword.text.options import TokenizerKind
from support.small_model import small_model
from support.tiny_bundle import write_tiny_bundle
from support.toy_engine import ToyEngine

Model = Callable[..., LoadedModel]

KINDS: list[TokenizerKind] = ["pretokenized", "word", "character"]

words_of_text = st.lists(st.sampled_from(["the", "cat,", "dog", '"on', "don't", "</s>", "é."]), max_size=7)
sentences = words_of_text.map(" ".join)


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest) -> kenlm.Model:
    return kenlm.Model(small_model(request.param))


@pytest.fixture
def words_model() -> kenlm.Model:
    """A model of pretokenized text."""
    return kenlm.Model(small_model())


@settings(max_examples=25)
@given(words=words_of_text, bos=st.booleans(), eos=st.booleans())
def test_full_scores_sum_to_the_score(words: list[str], bos: bool, eos: bool) -> None:
    sentence = " ".join(words)
    for kind in KINDS:
        for mixes in (False, True):
            model = kenlm.Model(small_model(kind, mixes=mixes))
            full = list(model.full_scores(sentence, bos=bos, eos=eos))
            assert len(full) == len(words) + eos
            total = sum(log10_prob for log10_prob, _, _ in full)
            assert total == pytest.approx(model.score(sentence, bos, eos), abs=1e-4)


@settings(max_examples=25)
@given(words=words_of_text, bos=st.booleans())
def test_chained_states_come_to_the_whole(words: list[str], bos: bool) -> None:
    """As KenLM's documentation shows it, with two states that change places."""
    for kind in KINDS:
        model = kenlm.Model(small_model(kind))
        state, out_state = kenlm.State(), kenlm.State()
        if bos:
            model.BeginSentenceWrite(state)
        else:
            model.NullContextWrite(state)
        total = 0.0
        for word in (*words, "</s>"):
            total += model.BaseScore(state, word, out_state)
            state, out_state = out_state, state
        assert total == pytest.approx(model.score(" ".join(words), bos=bos), abs=1e-4)


@settings(max_examples=25)
@given(sentence=sentences.filter(lambda sentence: "</s>" not in sentence))
def test_a_score_is_that_of_the_line_to_the_base_ten(sentence: str) -> None:
    for kind in KINDS:
        trained = small_model(kind)
        (line,) = score_lines(trained, [sentence])
        assert kenlm.Model(trained).score(sentence) == pytest.approx(line.log_prob / np.log(10), abs=1e-5)


def test_an_unknown_word_is_spelled_unless_kenlm_is_followed() -> None:
    network = small_model()
    spelled, as_kenlm = kenlm.Model(network), kenlm.Model(network, kenlm.Config(spell_unknown=False))
    costs = [spelled.score(f"the {word}") - as_kenlm.score(f"the {word}") for word in ("cat", "zzyzx")]
    assert costs[0] == 0
    assert costs[1] == pytest.approx(network.tokenizer.speller.log_prob("zzyzx") / math.log(10), abs=1e-4)
    assert as_kenlm.score("the zzyzx") == as_kenlm.score("the qwerty")
    again = pickle.loads(pickle.dumps(kenlm.Model("austen", kenlm.Config(spell_unknown=False))))  # noqa: S301
    assert again.score("zzyzx") == again.score("qwerty")


def test_a_mixture_is_used_unless_the_network_is_asked_for(tmp_path: Path) -> None:
    text, static = "it is so , and it was so", kenlm.Config(method="static")
    mixed, before = write_tiny_bundle(tmp_path / "mixed", mixes=True), write_tiny_bundle(tmp_path / "before")
    used, alone = kenlm.Model(str(mixed)).score(text), kenlm.Model(str(mixed), static).score(text)
    assert used != alone == kenlm.Model(str(before)).score(text)
    loaded = open_model(mixed)
    assert kenlm.Model(loaded).score(text) == used
    assert kenlm.Model(loaded, static).score(text) == alone
    assert kenlm.Model(loaded.using("static"), kenlm.Config()).score(text) == alone


def test_the_examples_of_the_documentation(model: kenlm.Model) -> None:
    sentence, fragment = "the cat sat .", "the cat"
    assert model.score(sentence) == model.score(sentence, bos=True, eos=True)
    assert model.score(f"{fragment} </s>", bos=False, eos=False) == pytest.approx(model.score(fragment, bos=False))
    assert model.score(fragment, bos=False, eos=False) > model.score(fragment, bos=False, eos=True)
    assert model.score(sentence.encode()) == model.score(sentence)
    for bad in ("<s> the cat", "cat <s>"):
        with pytest.raises(TextError, match="a text must not hold `<s>`"):
            model.score(bad, bos=False)


def test_the_line_end_of_a_line_that_was_read_is_no_part_of_a_word(model: kenlm.Model) -> None:
    """As in `for line in file: model.score(line)`."""
    assert model.score("the cat sat\r\n") == model.score("the cat sat")
    assert list(model.full_scores("the cat sat\n")) == list(model.full_scores("the cat sat"))


def test_ngram_length_is_the_words_that_a_score_depends_on(words_model: kenlm.Model) -> None:
    """So that KenLM's example shows, for each word, all that stands before it."""
    sentence = "the dog sat on the mat ."
    words = ["<s>", *sentence.split(), "</s>"]
    for index, (_, length, is_oov) in enumerate(words_model.full_scores(sentence)):
        assert words[index + 2 - length : index + 2] == words[: index + 2]
        assert is_oov == (words[index + 1] == "dog")
    assert [length for _, length, _ in words_model.full_scores("the cat", bos=False)] == [1, 2, 3]


def test_words_in_the_model(words_model: kenlm.Model) -> None:
    assert "cat" in words_model
    assert b"cat" in words_model
    assert "dog" not in words_model
    assert "<unk>" not in words_model
    assert "<s>" in words_model
    assert "</s>" in words_model
    of_text = kenlm.Model(small_model("word"))
    assert '"cat' in of_text
    assert "cat," in of_text
    assert "cat,dog" not in of_text


def test_perplexity_is_by_words_and_the_end(model: kenlm.Model) -> None:
    assert model.perplexity("the cat sat") == pytest.approx(10 ** (-model.score("the cat sat") / 4))


def after(model: kenlm.Model, *words: str) -> kenlm.State:
    """The state after the begin of a sentence and some words."""
    state = kenlm.State()
    model.BeginSentenceWrite(state)
    for word in words:
        model.BaseScore(state, word, state)
    return state


def test_states_compare_by_what_was_read(words_model: kenlm.Model) -> None:
    states = [after(words_model, *words) for words in [(), ("the",), ("the", "cat"), ("cat", "the"), ("the", "cat")]]
    assert states[2] == states[4]
    assert hash(states[2]) == hash(states[4])
    assert len(set(states)) == 4
    ordered = random.Random(1).sample(states, 5)
    assert [state.key for state in sorted(ordered)] == sorted(state.key for state in states)
    null = kenlm.State()
    words_model.NullContextWrite(null)
    assert null == kenlm.State() != states[0]
    assert states[0] != "a state"
    for other in (3, "a state", None):
        with pytest.raises(TypeError, match="'<' not supported"):
            states[0] < other  # noqa: B015


def test_a_state_stays_as_it_is_when_read_from(words_model: kenlm.Model) -> None:
    state, first, second = kenlm.State(), kenlm.State(), kenlm.State()
    words_model.BeginSentenceWrite(state)
    alone = words_model.BaseScore(state, "cat", first)
    words_model.BaseScore(state, "sat", second)
    assert words_model.BaseScore(state, "cat", second) == alone
    assert first == second
    assert words_model.BaseScore(state, b"cat", second) == alone
    assert words_model.BaseScore(state, "cat", state) == alone  # the same state as argument and result
    assert state == first


def test_a_full_score_names_its_parts(words_model: kenlm.Model) -> None:
    state = kenlm.State()
    words_model.BeginSentenceWrite(state)
    full = words_model.BaseFullScore(state, "dog", kenlm.State())
    assert full == kenlm.FullScoreReturn(words_model.BaseScore(state, "dog", kenlm.State()), 2, True)


def test_a_model_is_read_from_a_bundle_or_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = small_model()
    monkeypatch.setattr(kenlm, "open_model", lambda path, **_: trained if (path / "MANIFEST.json").is_file() else None)
    bundle = tmp_path / "run" / "model"
    bundle.parent.mkdir()
    write_bundle(bundle, trained.bundle)
    (tmp_path / "run" / "config.toml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    models = [
        kenlm.LanguageModel(path, kenlm.Config()) for path in (str(bundle), os.fsencode(bundle), "run", "run/model")
    ]
    assert {model.score("the cat") for model in models} == {kenlm.Model(trained).score("the cat")}
    places = [os.fsdecode(model.path) for model in models]
    assert places == [str(bundle), str(bundle), str(bundle.parent), str(bundle)]
    assert repr(models[0]) == "<Model from model>"
    assert models[0].order == sys.maxsize
    again = pickle.loads(pickle.dumps(models[2]))  # noqa: S301
    assert type(again) is kenlm.LanguageModel
    assert again.path == models[2].path


def test_a_model_that_is_not_there_is_an_error_as_kenlm_raises_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Cannot read model") as caught:
        kenlm.Model(str(tmp_path / "nothing.arpa"))
    assert isinstance(caught.value, BundleError)
    assert "must be the directory of a run or a model, but there is no such directory" in str(caught.value)


def test_a_training_framework_is_not_imported() -> None:
    program = "import sys; from nextword import kenlm; assert not {'keras', 'jax', 'onnxruntime'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_what_is_no_text_is_a_type_error_as_kenlm_raises_it(words_model: kenlm.Model) -> None:
    with pytest.raises(TypeError, match="Cannot convert"):
        words_model.score(7)  # type: ignore[arg-type]


def test_what_is_nearly_impossible_has_an_infinite_perplexity() -> None:
    assert kenlm.Model("austen").perplexity("x" * 400) == math.inf


def test_a_sentence_is_read_in_one_pass() -> None:
    network = small_model("word")
    model, engine = kenlm.Model(network), network.engine
    assert isinstance(engine, ToyEngine)
    engine.shapes.clear()
    model.score("the cat sat")
    assert len(engine.shapes) == 1
