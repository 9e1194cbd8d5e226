import ast
import inspect
import math
from pathlib import Path
from typing import Any

import keras
import pytest

import nextword
from nextword import errors
from nextword.errors import SettingError, TextError

TEXT = "\n".join(["the cat drinks milk .", "a dog eats bones ."] * 200) + "\n"
SIZES: dict[str, Any] = {
    "embedding_size": 12,
    "hidden_sizes": [16, 12],
    "input_dropout_rate": 0.0,
    "output_dropout_rate": 0.0,
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> nextword.Corpus:
    path = tmp_path_factory.mktemp("text") / "story.txt"
    path.write_text(TEXT, encoding="utf-8")
    return nextword.Corpus.load(path)


@pytest.fixture(scope="module")
def untrained(corpus: nextword.Corpus) -> nextword.LanguageModel:
    size = corpus.tokenizer.vocabulary_size
    return nextword.LanguageModel.from_preset("quick", vocabulary_size=size, compute_dtype="float32", **SIZES)


def test_a_model_is_trained_used_saved_and_loaded(
    corpus: nextword.Corpus, untrained: nextword.LanguageModel, tmp_path: Path
) -> None:
    rounds: list[int] = []
    counter = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _logs: rounds.append(epoch))
    settings: dict[str, Any] = {
        "epochs": 10,
        "schedule": "constant",
        "batch_size": 4,
        "num_steps": 10,
        "learning_rate": 0.02,
        "start": "random",  # two sentences in turn have no statistics to begin with
    }
    trained = nextword.fit(untrained, corpus, callbacks=[counter], **settings)
    assert rounds == list(range(10))
    assert 1 < nextword.perplexity(trained, corpus.test) < 2
    assert nextword.suggest(trained, "a dog eats", k=1)[0].text == "bones"
    assert nextword.generate(trained, "the cat", words=2, temperature=0) == "the cat drinks milk"
    nextword.save(trained, tmp_path / "model")
    again = nextword.load(tmp_path / "model")
    assert nextword.perplexity(again, corpus.test) == nextword.perplexity(trained, corpus.test)


def test_a_model_scores_ranks_and_measures(corpus: nextword.Corpus) -> None:
    size = corpus.tokenizer.vocabulary_size
    model = nextword.LanguageModel.from_preset("quick", vocabulary_size=size, compute_dtype="float32", **SIZES)
    trained = nextword.fit(model, corpus, epochs=4, batch_size=4, num_steps=10, learning_rate=0.02, start="random")
    lines = ["a dog eats bones .", "milk milk the a ."]
    scores = list(nextword.score_lines(trained, lines))
    assert scores[0].log_prob > scores[1].log_prob
    assert nextword.score(trained, lines[0]).log_prob == pytest.approx(scores[0].log_prob, abs=1e-5)
    assert nextword.rank(trained, "a dog ___ bones .", ["milk", "eats"])[0].candidate == "eats"
    assert nextword.surprising_lines(trained, lines, k=1)[0].text == lines[1]
    assert nextword.sentence_vectors(trained, lines).shape == (2, 12)
    with pytest.raises(TextError, match="there must be at least one line to make a vector of"):
        nextword.sentence_vectors(trained, [])
    assert len(nextword.nearest_words(trained, "dog", k=3)) == 3
    assert nextword.complete(trained, "a dog ea", k=1)[0].text == "eats"
    session = nextword.suggestion_session(trained)
    session.type("the cat dr")
    assert session.suggestions(k=1)[0].text == "drinks"
    greedy = nextword.Request(num_tokens=2, sampling=nextword.SamplingOptions(temperature=0.0))
    assert [text.text for text in nextword.generate_texts(trained, ["the cat"], greedy)] == [" drinks milk"]


def test_a_string_has_a_perplexity(corpus: nextword.Corpus, untrained: nextword.LanguageModel) -> None:
    trained = nextword.fit(untrained, corpus, epochs=0.1, batch_size=4, num_steps=10)
    assert math.isfinite(nextword.perplexity(trained, "the cat eats .\n"))


def test_methods_can_be_put_around_a_model(corpus: nextword.Corpus, untrained: nextword.LanguageModel) -> None:
    trained = nextword.fit(untrained, corpus, epochs=0.1, batch_size=4, num_steps=10)
    static = nextword.perplexity(trained, corpus.test)
    assert nextword.perplexity(trained, corpus.test, method="temperature", temperature=1.0) == pytest.approx(static)
    counted = nextword.perplexity(trained, corpus.test, method="ngram", train=corpus.train, ngram_weight=1.0)
    assert 1 < counted < 2
    assert counted != static
    mixed = nextword.perplexity(trained, corpus.test, method="ngram", train=corpus.train, valid=corpus.valid)
    assert mixed <= 1.001 * min(static, counted)
    with pytest.raises(SettingError, match="`train` must be given for this method"):
        nextword.perplexity(trained, corpus.test, method="ngram")
    with pytest.raises(SettingError, match="`temperature` must go with the method `temperature`"):
        nextword.perplexity(trained, corpus.test, temperature=0.5)


def test_settings_are_checked(corpus: nextword.Corpus, untrained: nextword.LanguageModel) -> None:
    with pytest.raises(SettingError, match="did you mean `epochs`"):
        nextword.fit(untrained, corpus, epoch=1)


def test_a_model_of_another_vocabulary_is_refused(corpus: nextword.Corpus) -> None:
    model = nextword.LanguageModel.from_preset("quick", vocabulary_size=50, compute_dtype="float32", **SIZES)
    with pytest.raises(SettingError, match="the model must have the vocabulary of the corpus"):
        nextword.fit(model, corpus)


def test_all_names_are_there() -> None:
    assert all(getattr(nextword, name) is not None for name in nextword.__all__)
    assert set(nextword.__all__) <= set(dir(nextword))
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = nextword.fitt


def error_names() -> set[str]:
    of_module = (kind for kind in vars(errors).values() if isinstance(kind, type))
    return {kind.__name__ for kind in of_module if kind.__module__ == errors.__name__}


def test_type_checkers_see_the_same_names() -> None:
    (block,) = (node for node in ast.parse(inspect.getsource(nextword)).body if isinstance(node, ast.If))
    imports = [(alias, node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    seen: dict[str, Any] = {alias.name: module for alias, module in imports if alias.asname == alias.name}
    assert [module for alias, module in imports if alias.asname is None] == [errors.__name__]  # by a star
    assert seen | dict.fromkeys(error_names(), errors.__name__) == {
        name: f"nextword.{module}" for name, module in nextword._HOMES.items()
    }


def test_every_error_is_there() -> None:
    assert error_names() <= set(nextword.__all__)
    assert {"NextwordError", "TrainingInterrupted", "TrainingWarning"} <= error_names()
