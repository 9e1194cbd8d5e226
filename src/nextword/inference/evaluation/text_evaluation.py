"""Evaluates a model on a text or on a split of a corpus."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from nextword.bundle.origin import Origin
from nextword.bundle.origin_text import OriginText
from nextword.engine.dynamic import DynamicOptions, dynamic_engine
from nextword.engine.ensemble import EnsembleEngine
from nextword.engine.text_model import LoadedModel, TextModel
from nextword.errors import EvaluationError, SettingError
from nextword.inference.evaluation.perplexity import Evaluation, evaluate
from nextword.settings import unknown_name
from nextword.text.batching.window import TokenIds
from nextword.text.corpus import Corpus
from nextword.text.encoding.token_store import TokenStore
from nextword.text.reading.lines import split_lines
from nextword.text.sources.names import SplitOrAll
from nextword.text.tokens.encoded_lines import written_tokens
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import UNKNOWN

EvaluatedMethod = Literal["static", "mixture", "dynamic"]

METHODS: tuple[EvaluatedMethod, ...] = get_args(EvaluatedMethod)
"""The network alone; the network mixed with what its bundle holds; and dynamic evaluation of the network."""


@dataclass(frozen=True)
class EvaluatedModel:
    """A model that is evaluated in one way."""

    model: TextModel  # the model, or the first member of an ensemble, with the engine to evaluate
    method: str  # what an evaluation names it by
    use: str = ""  # how it is used, for a protocol; empty if there is only one way
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # JSON values by group
    learns: bool = False  # whether it learns from the text, so that the score of a line depends on earlier lines


def evaluated_model(
    models: Sequence[LoadedModel],
    method: EvaluatedMethod,
    train: Callable[[], TokenIds],
    options: DynamicOptions,
) -> EvaluatedModel:
    """Return a model, or the ensemble of several models, ready to be evaluated in one way.

    An ensemble averages networks, never mixtures.

    Args:
        models: One model, or the members of an ensemble.
        method: One of `METHODS`.
        train: Returns the ids of the training text; only dynamic evaluation reads it.
        options: The settings of dynamic evaluation.

    Raises:
        BundleError: Dynamic evaluation needs the weights of a model, and the model is slim.
        SettingError: The method is unknown, or models and method do not fit together.
    """
    if method not in METHODS:
        raise SettingError(unknown_name("method", method, METHODS))
    if method == "dynamic":
        return _dynamic(models, train, options)
    if len(models) > 1:
        return _ensemble(models, [model.network for model in models], "ensemble")
    model = models[0].using(method)
    mixture = model.bundle.mixture if model.method == "mixture" else None
    settings = {} if mixture is None else {"mixture": mixture.settings.to_table()}
    learns = mixture is not None and mixture.settings.cache_weight > 0
    return EvaluatedModel(model.with_engine(model.engine), model.method, model.use, settings, learns)


def _dynamic(models: Sequence[LoadedModel], train: Callable[[], TokenIds], options: DynamicOptions) -> EvaluatedModel:
    engines = [dynamic_engine(model, train, options) for model in models]
    table = options.to_table()
    use = f"dynamic ({', '.join(f'{name} {value}' for name, value in table.items())})"
    if len(models) > 1:
        both = _ensemble(models, engines, "ensemble,dynamic")
        return EvaluatedModel(both.model, both.method, f"{use}, then {both.use}", {"dynamic": table}, learns=True)
    return EvaluatedModel(models[0].with_engine(engines[0]), "dynamic", use, {"dynamic": table}, learns=True)


def _ensemble(models: Sequence[LoadedModel], engines: Sequence[Any], method: str) -> EvaluatedModel:
    for other in models[1:]:
        if other.tokenizer.fingerprint != models[0].tokenizer.fingerprint:
            raise SettingError(
                f"the models of an ensemble must have the same tokenizer, but those of `{models[0].name}` and "
                f"`{other.name}` differ; train them on the same text with the same text settings"
            )
    use = f"ensemble: the mean of {len(models)} networks"
    return EvaluatedModel(models[0].with_engine(EnsembleEngine(engines)), method, use)


Text = TokenStore | Path | str
"""A split of a corpus, a file, or a text itself."""


def evaluate_text(
    model: LoadedModel,
    text: Text,
    *,
    method: EvaluatedMethod | DynamicOptions | None = None,
    corpus: Corpus | None = None,
    batch_size: int = 1,
    run: Path | None = None,
) -> Evaluation:
    """Return the evaluation of a model on a text; the arguments are those of `TrainedModel.evaluate`, and its run."""
    read, what = opened(text, model.tokenizer, run)
    ids = ids_of(read, model.tokenizer)
    options = method if isinstance(method, DynamicOptions) else DynamicOptions()
    name: EvaluatedMethod = "dynamic" if isinstance(method, DynamicOptions) else method or model.method
    evaluated = evaluated_model([model], name, lambda: _training_ids(corpus, model.tokenizer), options)
    unknown_id = unknown_id_of(read, model.tokenizer)
    evaluation = evaluate(evaluated.model.engine, ids, batch_size=batch_size, unknown_id=unknown_id)
    evaluation = _counted(evaluation, read, model.tokenizer)
    if what:
        evaluation = evaluation.with_protocol(what)
    return with_method(evaluation, [model], evaluated)


def with_method(evaluation: Evaluation, models: Sequence[LoadedModel], evaluated: EvaluatedModel) -> Evaluation:
    """Return an evaluation whose protocol says how the models were run and used."""
    if any(model.precision == "int8" for model in models):
        evaluation = evaluation.with_protocol("weights in int8")
    evaluation = replace(evaluation, method=evaluated.method)
    return evaluation.with_protocol(evaluated.use) if evaluated.use else evaluation


def _counted(evaluation: Evaluation, text: TokenStore | str, tokenizer: Tokenizer) -> Evaluation:
    if isinstance(text, TokenStore):
        return evaluation.with_counts(text)
    lines = split_lines(text)
    lines = lines if lines[-1] else lines[:-1]
    tokens = list(written_tokens(tokenizer, lines))
    unknown_id = tokenizer.vocabulary.unknown_id
    return replace(
        evaluation,
        num_words=sum(len(line.split()) + 1 for line in lines),
        num_characters=sum(len(line) + 1 for line in lines),
        num_out_of_vocabulary=sum(token_id == unknown_id and piece != UNKNOWN for piece, token_id in tokens),
        spelling_log_prob=sum(tokenizer.spelling_log_probs(tokens)),
    )


def opened(text: Text, tokenizer: Tokenizer, run: Path | None) -> tuple[TokenStore | str, str]:
    """Return a text as it is read, and what a file is read of: of the text of the model's run only the test split."""
    if not isinstance(text, Path):
        return (text if isinstance(text, str) else store_of(text, tokenizer)), ""
    if run is None:
        return store_of(text, tokenizer), f"all of `{text.name}`"
    own = OriginText(Origin.of_run(run), str(text.resolve()))
    split: SplitOrAll = "test" if own.is_own else "all"
    return own.load(split, tokenizer), f"{'all' if split == 'all' else 'the test split'} of `{text.name}`"


def ids_of(text: Text, tokenizer: Tokenizer) -> TokenIds:
    """Return the ids of a complete text: its last line or paragraph ends with `<eos>`, as in a file."""
    if isinstance(text, str):
        require_no_path(text)
        ids, end_id = tokenizer.encode(text), tokenizer.vocabulary.end_id
        return np.array(ids if ids[-1:] in ([], [end_id]) else [*ids, end_id], np.int32)
    return store_of(text, tokenizer).ids


def store_of(text: TokenStore | Path, tokenizer: Tokenizer) -> TokenStore:
    """Return a split of a corpus, or all of a file; see `ids_of`."""
    if isinstance(text, Path):
        return Corpus.load_split(text, "all", tokenizer)
    if not isinstance(text, TokenStore):
        raise SettingError(
            "`text` must be a string, a `Path` or a split of a corpus, but is of type "
            f'{type(text).__name__}; join several lines by `"\\n".join(lines)`'
        )
    if text.tokenizer_fingerprint != tokenizer.fingerprint:
        raise EvaluationError(
            "the split must be encoded by the tokenizer of the model, but another one made its ids; load the "
            "corpus by `Corpus.load(text, tokenizer=model.tokenizer)`"
        )
    return text


def require_no_path(text: str) -> None:
    """Raise if a string seems to name a file: it is the text itself."""
    looks_like_one = text.lower().endswith((".txt", ".md")) and not any(map(str.isspace, text))
    try:
        is_file = looks_like_one or Path(text).is_file()
    except (OSError, ValueError):  # a long text, or one with a NUL in it
        is_file = False
    if is_file:
        raise SettingError(f"`text` must be the text itself, but {text!r} is a file's name; pass `Path({text!r})`")


def unknown_id_of(text: TokenStore | str, tokenizer: Tokenizer) -> int | None:
    """Return the id that stands for unknown words in a text; `None` if the text writes `<unk>` itself."""
    if isinstance(text, TokenStore):
        return tokenizer.unknown_id_in(text.report.num_out_of_vocabulary)
    return tokenizer.unknown_id_in(int(UNKNOWN not in text))


def _training_ids(corpus: Corpus | None, tokenizer: Tokenizer) -> TokenIds:
    if corpus is None:
        raise SettingError("`corpus` must be given for this method, but is not; pass `corpus=corpus`")
    return store_of(corpus.train, tokenizer).ids
