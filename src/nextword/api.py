"""nextword in a few lines of Python; `import nextword` offers these names.

import nextword

corpus = nextword.Corpus.load("austen")
model = nextword.LanguageModel.from_preset("quick", vocabulary_size=corpus.tokenizer.vocabulary_size)
trained = nextword.fit(model, corpus, preset="quick", epochs=1)

nextword.perplexity(trained, corpus.test)
nextword.suggest(trained, "It is a truth universally", k=5)
nextword.generate(trained, "She was", words=40, seed=1)

nextword.save(trained, "austen-model")
trained = nextword.load("austen-model")
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.store import model_path, write_bundle
from nextword.engine.chain import apply_methods, methods_of, require_used, tables_of
from nextword.engine.method import Splits
from nextword.engine.opening import EngineName, open_model
from nextword.engine.text_model import TrainedModel
from nextword.errors import SettingError, TextError
from nextword.evaluation.perplexity import evaluate
from nextword.generation.generator import stream_text
from nextword.generation.request import Request
from nextword.generation.sampling import SamplingOptions
from nextword.scoring.gaps import RankedCandidate, proposals
from nextword.scoring.gaps import rank as rank_candidates
from nextword.scoring.lines import LineScore, ScoringOptions
from nextword.scoring.lines import score_lines as score_text_lines
from nextword.scoring.surprise import SurprisingLine, most_surprising_lines
from nextword.scoring.vectors import NearWord, Pooling, WordVectors
from nextword.scoring.vectors import sentence_vectors as vectors_of_lines
from nextword.suggestion.session import SuggestionSession
from nextword.suggestion.session_options import SessionOptions
from nextword.suggestion.user_words import UserWords
from nextword.text.token_store import TokenStore


def perplexity(
    model: TrainedModel,
    text: TokenStore | str,
    *,
    method: str = "static",
    train: TokenStore | None = None,
    valid: TokenStore | None = None,
    **settings: Any,
) -> float:
    """Return the perplexity of a model on a split of a corpus, or on a string.

    Every token counts, `<eos>` included, each predicted once from all before it.

    Args:
        model: The model; its weights stay as they are.
        text: What is to be predicted.
        method: What is done after training: `static`, or names from `nextword.engine.chain.METHODS` with commas
            between them, the first around the model, such as `"cache,temperature"`.
        train: The training split, for `ngram` and `dynamic`.
        valid: A split on which settings that are not given are tuned; without it they have their defaults.
        **settings: Settings of the methods, such as `cache_size=200`.

    Raises:
        EvaluationError: There are no tokens.
        SettingError: A method or a setting is unknown or refused, or lacks a split.
    """
    ids = np.array(model.tokenizer.encode(text), np.int32) if isinstance(text, str) else text.ids
    methods, tables = methods_of(method.split(",")), tables_of(settings)
    require_used(tables, methods, ensemble=False)
    splits = Splits(train=lambda: _given("train", train).ids, valid=lambda: _given("valid", valid).ids)
    outcome = apply_methods([model], methods, tables, splits, tune=valid is not None)
    return evaluate(outcome.model.engine, ids).perplexity


def suggestion_session(
    model: TrainedModel, *, user_words: UserWords | None = None, **options: Any
) -> SuggestionSession:
    """Return a text to be typed, with suggestions after every key.

    Args:
        model: The model.
        user_words: Words of the person's own.
        **options: Fields of `SessionOptions`, such as `history=64`.

    Raises:
        SettingError: A setting is unknown or refused.
    """
    return SuggestionSession(model, user_words=user_words, options=SessionOptions.from_table(options))


def generate(model: TrainedModel, prompt: str = "", *, words: int = 100, **options: Any) -> str:
    """Return the prompt with the text that goes on from it.

    Args:
        model: The model.
        prompt: What the text begins with.
        words: How many tokens to write.
        **options: Fields of `SamplingOptions`, such as `temperature=0.8`.
    """
    request = Request(num_tokens=words, sampling=SamplingOptions.from_table(options))
    return prompt + "".join(stream_text(model, prompt, request))


def score(model: TrainedModel, line: str, **options: Any) -> LineScore:
    """Return how probable a line is; `options` are fields of `ScoringOptions`, such as `eos=False`."""
    (scored,) = score_lines(model, [line], **options)
    return scored


def score_lines(model: TrainedModel, lines: Iterable[str], **options: Any) -> Iterator[LineScore]:
    """Yield the score of each line, in their order and in bounded memory; `options` are fields of `ScoringOptions`."""
    return score_text_lines(model, lines, ScoringOptions.from_table(options))


def rank(model: TrainedModel, text: str, candidates: Iterable[str] | None = None) -> list[RankedCandidate]:
    """Return candidates for the gap `___` in a text, the best first; the model's own if none are given."""
    named = proposals(model, text) if candidates is None else candidates
    return rank_candidates(model, text, named)


def surprising_lines(model: TrainedModel, lines: Iterable[str], k: int = 10, **options: Any) -> list[SurprisingLine]:
    """Return the `k` lines that were least expected; see `nextword.scoring.surprise.most_surprising_lines`."""
    return most_surprising_lines(model, lines, k, **options)


def sentence_vectors(model: TrainedModel, lines: Iterable[str], *, pooling: Pooling = "mean") -> NDArray[np.float32]:
    """Return a vector for each of one or more lines `(N, H)`.

    Raises:
        TextError: There is no line, or one is refused.
    """
    parts = list(vectors_of_lines(model, lines, pooling=pooling))
    if not parts:
        raise TextError("there must be at least one line to make a vector of, but there is none; give some lines")
    return np.concatenate(parts)


def nearest_words(model: TrainedModel, word: str, k: int = 10) -> list[NearWord]:
    """Return the `k` words whose embeddings point most nearly the same way."""
    return WordVectors.of(model.bundle).nearest(word, k)


def save(model: TrainedModel, path: str | Path, *, replace: bool = False) -> None:
    """Write a model as a bundle.

    Raises:
        StorageError: `path` exists and `replace` is false, or the disk refused.
    """
    write_bundle(Path(path), model.bundle, replace=replace)


def load(path: str | Path, *, engine: EngineName = "auto", num_threads: int | None = None) -> TrainedModel:
    """Read the model of a run or a bundle, and start it.

    Args:
        path: The directory of the run or the bundle.
        engine: `onnx`, `keras`, or whichever of the two is there, the first if both are.
        num_threads: Threads of onnxruntime for one call; Keras takes what its backend takes.

    Raises:
        BundleError: There is no sound bundle, or a run that has no model yet.
        MissingExtraError: Nothing that could run it is installed.
    """
    return open_model(model_path(Path(path)), engine, num_threads=num_threads)


def _given(name: str, store: TokenStore | None) -> TokenStore:
    if store is None:
        raise SettingError(f"`{name}` must be given for this method, but is not; pass `{name}=corpus.{name}`")
    return store
