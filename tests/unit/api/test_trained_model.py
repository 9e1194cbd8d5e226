"""A trained model is an object with methods; the package exports what they take and return."""

import dataclasses
import inspect
import json
import math
import re
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nextword
from nextword import errors
from nextword.bundle.model_card import with_mixture_section
from nextword.bundle.store import write_bundle
from nextword.errors import EvaluationError, SettingError
from support.small_run import SMALL_RUN_SETTINGS, small_run_text
from support.tiny_bundle import tiny_bundle, write_tiny_bundle


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> nextword.Corpus:
    path = tmp_path_factory.mktemp("text") / "story.txt"
    path.write_text(small_run_text(), encoding="utf-8")
    return nextword.Corpus.load(path)


@pytest.fixture(scope="module")
def model(corpus: nextword.Corpus) -> nextword.TrainedModel:
    return nextword.train(corpus, preset="quick", epochs=10, settings=SMALL_RUN_SETTINGS, verbose=0)


def test_a_model_suggests_completes_and_follows_typing(model: nextword.TrainedModel) -> None:
    assert model.suggest("a dog eats", k=1)[0].text == "bones"
    assert model.complete("a dog ea", k=1)[0].text == "eats"
    session = model.session()
    session.type("the cat dr")
    assert session.suggestions(k=1)[0].text == "drinks"


def test_a_model_writes_text(model: nextword.TrainedModel) -> None:
    assert model.generate("the cat", max_tokens=2, temperature=0) == "the cat drinks milk"
    assert "".join(model.stream("the cat", max_tokens=2, temperature=0)) == " drinks milk"
    assert model.generate("the", max_tokens=20, seed=3) == model.generate("the", max_tokens=20, seed=3)
    assert "milk" not in model.generate("the cat drinks", max_tokens=20, forbid=["milk"], seed=1)
    assert model.generate("the cat", max_tokens=9, temperature=0, stop=[" milk"]) == "the cat drinks"
    greedy = nextword.Request(max_tokens=2, sampling=nextword.SamplingOptions(temperature=0.0))
    assert [text.text for text in model.generate_many(["the cat"], greedy)] == [" drinks milk"]
    assert model.generate_many(["the cat"], max_tokens=2, temperature=0) == model.generate_many(["the cat"], greedy)


def test_a_model_scores_lines(model: nextword.TrainedModel) -> None:
    lines = ["a dog eats bones .", "milk milk the a ."]
    scores = list(model.score_lines(lines))
    assert scores[0].log_prob > scores[1].log_prob
    assert model.score(lines[0]).log_prob == pytest.approx(scores[0].log_prob, abs=1e-5)
    assert model.score(lines[0], eos=False).num_tokens == scores[0].num_tokens - 1


def test_a_model_gives_the_words_near_a_word(model: nextword.TrainedModel) -> None:
    assert len(model.nearest_words("dog", k=3)) == 3


def test_a_model_gives_its_weights(model: nextword.TrainedModel) -> None:
    shapes = {name: weight.shape for name, weight in model.weights().items()}
    assert shapes == model.bundle.architecture.weight_shapes()
    assert np.array_equal(model.weights()["lstm_0/kernel"], model.bundle.weights["lstm_0/kernel"])


def test_a_model_in_eight_bits_gives_its_weights() -> None:
    sample = nextword.load("austen")
    weights = sample.weights()
    assert {name: weight.shape for name, weight in weights.items()} == sample.bundle.architecture.weight_shapes()
    end_id = sample.engine.end_id
    prediction, _ = sample.engine.predict_window(np.array([[end_id]], np.int32), sample.engine.start(1))
    assert prediction.hidden is not None
    assert np.allclose(lstm_output(weights, end_id), prediction.hidden[0, 0], atol=0.05)


def lstm_output(weights: dict[str, NDArray[np.float32]], token_id: int) -> NDArray[np.float32]:
    """Return the output of two LSTM layers after the first token; the state before it is zero."""
    output: NDArray[np.float32] = weights["embedding/embeddings"][token_id]
    for layer in ("lstm_0", "lstm_1"):
        i, _, g, o = np.split(output @ weights[f"{layer}/kernel"] + weights[f"{layer}/bias"], 4)
        output = np.tanh(np.tanh(g) / (1 + np.exp(-i))) / (1 + np.exp(-o))
    return output


def test_a_model_is_evaluated_on_splits_and_strings(corpus: nextword.Corpus, model: nextword.TrainedModel) -> None:
    found = model.evaluate(corpus.test)
    assert 1 < found.perplexity < 2
    assert found.num_words == corpus.test.num_words
    assert model.perplexity(corpus.test) == found.perplexity
    assert math.isfinite(model.perplexity("the cat eats .\n"))


def test_a_string_is_a_text_and_a_path_a_file(model: nextword.TrainedModel, tmp_path: Path) -> None:
    file = tmp_path / "novel.txt"
    file.write_text(f"{'the cat drinks milk .\n\n' * 20}a dog eats zebras .", encoding="utf-8")
    read, given = model.evaluate(file), model.evaluate(file.read_text(encoding="utf-8"))
    assert given.figures() == read.figures()
    assert next(iter(given.figures())) == "bits per character"
    assert "all of `novel.txt`" in read.protocol
    assert len(model.compare(file, max_tokens=3)) == 3
    for name in (str(file), "other.md", "NOVEL.TXT"):
        for method in (model.evaluate, model.perplexity, model.compare):
            with pytest.raises(SettingError, match=re.escape(f"pass `Path({name!r})`")):
                method(name)
    assert math.isfinite(model.perplexity("she reads other.txt"))


def test_many_unknown_words_are_warned_of_where_they_flatter(model: nextword.TrainedModel) -> None:
    with pytest.warns(nextword.EvaluationWarning, match="20.0% of the words are unknown.* subword tokenizer"):
        found = model.evaluate("the cat eats zebras")
    assert model.perplexity("the cat eats zebras", spell=False) == found.perplexity
    assert model.perplexity("the cat eats zebras") > 10 * found.perplexity


@pytest.mark.parametrize(
    ("sample", "line"), [(False, "the cat eats ."), (False, "the zebra eats ."), (True, "She was."), (True, "Zyx was.")]
)
def test_the_perplexity_of_a_line_is_one_number(model: nextword.TrainedModel, sample: bool, line: str) -> None:
    model = nextword.load("austen") if sample else model
    (scored,) = model.score_lines([line])
    assert model.perplexity(line) == pytest.approx(scored.perplexity, rel=1e-6)
    assert model.score(line).perplexity == scored.perplexity
    assert model.perplexity(f"{line}\n") == pytest.approx(scored.perplexity, rel=1e-6)


def test_a_saved_model_keeps_its_history(model: nextword.TrainedModel, tmp_path: Path) -> None:
    model.save(tmp_path / "saved")
    with pytest.raises(nextword.StorageError, match="exists already; choose another name, or pass `replace=True`"):
        model.save(tmp_path / "saved")
    once = nextword.load(tmp_path / "saved")
    once.save(tmp_path / "again")
    again = nextword.load(tmp_path / "again")
    assert model.history is not None
    assert again.history is not None
    assert again.history.records == model.history.records
    assert nextword.load("austen").history is None


def test_a_history_of_another_version_does_not_keep_a_model_from_loading(
    model: nextword.TrainedModel, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "newer", dataclasses.replace(model.bundle, history=({"round": 1, "mood": 2.0},)))
    with pytest.warns(nextword.TrainingWarning, match="the model has no history"):
        assert nextword.load(tmp_path / "newer").history is None


def test_a_model_completes_by_an_argument_too(model: nextword.TrainedModel) -> None:
    assert model.suggest("a dog ea", k=3, complete=True) == model.complete("a dog ea", k=3)
    (capital,), (small,) = (
        model.suggest("D", k=1, complete=True, restore_case=restore_case) for restore_case in (True, False)
    )
    assert (capital.text.strip(), small.text.strip()) == ("Dog", "dog")
    assert model.vocabulary == model.tokenizer.vocabulary.tokens


def test_texts_are_drawn_with_the_defaults_of_the_command(model: nextword.TrainedModel) -> None:
    (drawn,) = model.generate_many(["the"], nextword.Request(sampling=nextword.SamplingOptions(seed=2)))
    assert model.generate("the", seed=2) == f"the{drawn.text}"


MISTAKES: dict[str, Callable[[Any], object]] = {
    "`line` must be a string, but is of type list; use `score_lines` for": lambda m: m.score(["a", "b"]),
    "`line` must be a string, but is of type int": lambda m: list(m.score_lines([5])),
    "`text` must be a string, but is of type int": lambda m: m.suggest(5),
    "`k` must be a whole number, but is 'x'": lambda m: m.suggest("a", k="x"),
    "`prompt` must be a string, but is of type int; use `generate_many`": lambda m: m.generate(5),
    "`max_tokens` must be a whole number, but is 1.5": lambda m: m.generate(max_tokens=1.5),
    "`request` must stand alone, but other arguments were given too": lambda m: m.generate_many(
        ["a"], nextword.Request(), max_tokens=100
    ),
    "`path` must be a string or a `Path`, but is of type int": lambda _: nextword.load(5),  # type: ignore[arg-type]
    "`path` must be a string or a `Path`, but is of type float": lambda m: m.save(5.0),
    "`path` must be a string or a `Path`, but is of type bool": lambda m: m.export_html(True),
    "`5` is not a method; known: mixture, static": lambda m: m.using(5),
    "is a file's name; pass": lambda m: m.keystrokes("novel.txt"),
    "`prompts` must be a list of strings, but is one string": lambda m: m.generate_many("a"),
    "`typed` must be a string, but is of type int": lambda m: m.session().type(5),
    "`word` must be a string": lambda m: m.nearest_words(5),
    "`stop` must be a list of texts, but is the string 'dog'": lambda m: m.generate("the", stop="dog"),
    "`path` must be a path or a loaded model, but is of type int": lambda _: nextword.kenlm.Model(5),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named_with_what_to_use(model: nextword.TrainedModel, message: str) -> None:
    with pytest.raises(SettingError, match=re.escape(message)):
        MISTAKES[message](model)


def test_a_corpus_of_another_tokenizer_is_refused(model: nextword.TrainedModel, tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_text("a cat and a dog\n" * 900, encoding="utf-8")
    other = nextword.Corpus.load(path)
    with pytest.raises(EvaluationError, match="must be encoded by the tokenizer of the model"):
        model.evaluate("the cat drinks", method="dynamic", corpus=other)


def test_files_are_read_as_the_text_of_the_run(tmp_path: Path) -> None:
    own, other = tmp_path / "own.jsonl", tmp_path / "other.jsonl"
    lines = small_run_text().splitlines()
    own.write_text("".join(json.dumps({"body": line}) + "\n" for line in lines), encoding="utf-8")
    other.write_text(json.dumps({"body": "the cat drinks milk .", "text": "milk milk"}) + "\n", encoding="utf-8")
    trained = nextword.train(
        own, run=tmp_path / "run", preset="quick", epochs=1, field="body", settings=SMALL_RUN_SETTINGS, verbose=0
    )
    assert trained.perplexity(other) == pytest.approx(trained.perplexity("the cat drinks milk ."))
    test = nextword.Corpus.load(own, tokenizer=trained.tokenizer, field="body").test
    for skip in (0, 9):
        assert trained.compare(own, skip=skip) == trained.compare(test, skip=skip)
    assert len(trained.compare(own, max_tokens=10_000)) == test.num_tokens


def test_a_model_is_evaluated_as_it_is_used_or_as_its_network(tmp_path: Path) -> None:
    path, text = write_tiny_bundle(tmp_path / "tiny", mixes=True), "it is so, and it was not so.\n" * 4
    used, static = nextword.load(path), nextword.load(path, method="static")
    assert (used.method, static.method) == ("mixture", "static")
    found, alone = used.evaluate(text), static.evaluate(text)
    assert (found.method, alone.method) == ("mixture", "static")
    assert found.protocol.endswith("; as used: n-grams 0.3, cache of 5 tokens")
    assert "as used: n-grams 0.3, cache of 5 tokens" in used._repr_html_()
    assert alone.protocol.endswith("; static: the network alone")
    assert found.perplexity == used.perplexity(text) != alone.perplexity
    assert used.evaluate(text, method="static") == alone
    assert static.evaluate(text, method="mixture") == found
    cached = used.with_weights(ngram_weight=0.0)
    assert cached.evaluate(text).protocol.endswith("; as used: cache of 5 tokens")
    assert found.perplexity != cached.perplexity(text) != alone.perplexity
    assert cached.with_weights(cache_weight=0.0).evaluate(text) == alone
    before = nextword.load(write_tiny_bundle(tmp_path / "before"))
    assert before.perplexity(text) == alone.perplexity
    assert before.evaluate(text, method="mixture").method == "static"
    assert "static" not in before.evaluate(text).protocol


def test_a_method_that_cannot_work_is_refused(
    corpus: nextword.Corpus, model: nextword.TrainedModel, tmp_path: Path
) -> None:
    without_mixture = nextword.load(write_tiny_bundle(tmp_path / "before"))
    with pytest.raises(SettingError, match="`corpus` must be given for this method"):
        model.evaluate(corpus.test, method="dynamic")
    with pytest.raises(SettingError, match="did you mean `static`"):
        model.evaluate(corpus.test, method="statc")  # type: ignore[arg-type]
    with pytest.raises(nextword.BundleError, match="without n-grams must have `ngram_weight` 0"):
        without_mixture.with_weights(ngram_weight=0.5)


def test_a_split_of_another_tokenizer_is_refused(model: nextword.TrainedModel) -> None:
    other = nextword.Corpus.load(["the cat drinks milk .", "a bird sings ."] * 100)
    for method in (model.perplexity, model.evaluate, model.compare):
        with pytest.raises(nextword.EvaluationError, match="must be encoded by the tokenizer of the model"):
            method(other.test)
    own = nextword.Corpus.load(["the cat drinks milk .", "a bird sings ."] * 100, tokenizer=model.tokenizer)
    assert math.isfinite(model.perplexity(own.test))
    with pytest.raises(
        SettingError, match="`text` must be a string, a `Path` or a split of a corpus, but is of type list"
    ):
        model.perplexity(["a", "b"])  # type: ignore[arg-type]


def test_actual_words_are_compared_with_predicted_ones(corpus: nextword.Corpus, model: nextword.TrainedModel) -> None:
    compared = model.compare("the cat drinks milk .\n", top=2)
    assert [word.position for word in compared] == list(range(6))
    assert [word.actual for word in compared[:4]] == ["the", "cat", "drinks", "milk"]
    assert [word.predicted for word in compared[1:4]] == ["cat", "drinks", "milk"]
    assert all(word.top[0][0] == word.predicted and len(word.top) == 2 for word in compared)
    assert len(model.compare(corpus.test, skip=3, max_tokens=2, top=1)) == 2
    with pytest.raises(nextword.NextwordError, match="skip"):
        model.compare("the cat drinks milk .", skip=10)


def test_a_model_is_saved_and_loaded(corpus: nextword.Corpus, model: nextword.TrainedModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    again = nextword.load(tmp_path / "model")
    assert again.perplexity(corpus.test) == model.perplexity(corpus.test)
    assert again.card == model.card
    assert again.card.startswith(f"# {again.name}")
    assert repr(again) == f"TrainedModel('{again.name}', LSTM 16-12, 11 words, Keras)"


def test_all_names_are_there() -> None:
    assert all(getattr(nextword, name) is not None for name in nextword.__all__)
    assert set(nextword.__all__) <= set(dir(nextword))
    assert not {"os", "import_module", "TYPE_CHECKING"} & set(dir(nextword))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = nextword.trian  # type: ignore[attr-defined]


def error_names() -> set[str]:
    of_module = (kind for kind in vars(errors).values() if isinstance(kind, type))
    return {kind.__name__ for kind in of_module if kind.__module__ == errors.__name__}


def test_every_error_is_there() -> None:
    assert error_names() <= set(nextword.__all__)
    assert {"NextwordError", "TrainingInterrupted", "TrainingWarning"} <= error_names()


def public_functions() -> list[Any]:
    methods = [each for name, each in inspect.getmembers(nextword.TrainedModel) if not name.startswith("_")]
    functions = [each.__func__ if inspect.ismethod(each) else each for each in methods]
    return [nextword.train, nextword.load, *filter(inspect.isfunction, functions)]


@pytest.mark.parametrize("function", public_functions(), ids=lambda function: function.__name__)
def test_arguments_are_spelled_out_typed_and_described(function: Any) -> None:
    parameters = inspect.signature(function).parameters.values()
    assert not any(each.kind is each.VAR_POSITIONAL for each in parameters)
    assert all(each.annotation is not each.empty for each in parameters if each.name not in ("self", "cls"))
    for each in parameters:
        if each.kind is each.VAR_KEYWORD:  # a `TypedDict`, declared once for several methods
            names = typing.get_type_hints(*typing.get_args(each.annotation))
            assert names
            assert all(f"`{name}`:" in str(nextword.TrainedModel.generate.__doc__) for name in names)
    assert typing.cast("str", function.__doc__).strip()


def test_every_result_of_a_method_is_exported() -> None:
    source = "".join(str(inspect.signature(function).return_annotation) for function in public_functions())
    named = set(source.replace("[", " ").replace("]", " ").replace("'", " ").replace(">", " ").split())
    results = {part.rsplit(".", 1)[-1] for part in named if part.startswith("nextword.")}
    assert results <= set(nextword.__all__)


def test_a_model_is_written_as_a_page(model: nextword.TrainedModel, corpus: nextword.Corpus, tmp_path: Path) -> None:
    path = tmp_path / "story.html"
    model.export_html(path, passage="a dog eats bones .")
    first = path.read_bytes()
    assert first.startswith(b"<!DOCTYPE html>")
    model.export_html(path)  # a page is replaced
    assert len(path.read_bytes()) < len(first)
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(errors.StorageError, match="must be a page of nextword to be replaced"):
        model.export_html(path)


def test_a_page_of_the_network_alone_holds_nothing_of_a_mixture(tmp_path: Path) -> None:
    plain, mixed = write_tiny_bundle(tmp_path / "plain"), tiny_bundle(mixes=True)
    card = with_mixture_section(mixed.card, {"n-grams": "weight 0.3"})
    write_bundle(tmp_path / "mixed", dataclasses.replace(mixed, card=card))
    model = nextword.load(tmp_path / "mixed")
    models = {"plain": nextword.load(plain), "static": model.using("static"), "used": model}
    pages = {}
    for name, model_of_page in models.items():
        model_of_page.export_html(tmp_path / f"{name}.html")
        pages[name] = (tmp_path / f"{name}.html").read_bytes()
    assert pages["static"] == pages["plain"] != pages["used"]
    model.using("static").save(tmp_path / "alone")
    assert not [path.name for path in (tmp_path / "alone").iterdir() if path.name in ("mixture.json", "ngrams.bin")]
