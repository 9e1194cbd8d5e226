"""Evaluates a model on a text or on a split of a corpus, with or without methods after training."""

from collections.abc import Iterable, Sequence

import numpy as np

from nextword.batching.window import TokenIds
from nextword.engine.chain import METHODS, AppliedMethods, apply_methods, methods_of, require_used
from nextword.engine.method import Splits
from nextword.engine.text_model import LoadedModel
from nextword.errors import EvaluationError, SettingError
from nextword.evaluation.perplexity import Evaluation, evaluate
from nextword.settings import Settings
from nextword.text.corpus import Corpus
from nextword.text.token_store import TokenStore
from nextword.text.tokenizer import Tokenizer


def evaluate_text(
    model: LoadedModel,
    text: TokenStore | str,
    *,
    methods: str | Settings | Sequence[str | Settings] = (),
    corpus: Corpus | None = None,
    tune: bool = False,
    batch_size: int = 1,
) -> Evaluation:
    """Return the evaluation of a model on a text; the arguments are those of `TrainedModel.evaluate`."""
    ids = ids_of(text, model.tokenizer)
    methods = [methods] if isinstance(methods, str | Settings) else methods
    tables = {each.group: each.to_table() for each in methods if isinstance(each, Settings)}
    chosen = methods_of([each if isinstance(each, str) else _method_of(each) for each in methods])
    require_used(tables, chosen, ensemble=False)
    splits = Splits(train=lambda: _known(corpus).train.ids, valid=lambda: _known(corpus).valid.ids)
    outcome = apply_methods([model], chosen, tables, splits, tune=tune)
    evaluation = evaluate(outcome.model.engine, ids, batch_size=batch_size)
    if isinstance(text, TokenStore):
        evaluation = evaluation.with_counts(text)
    return with_methods(evaluation, [model], outcome, ",".join(method.name for method in chosen))


def with_methods(
    evaluation: Evaluation, models: Iterable[LoadedModel], outcome: AppliedMethods, method: str
) -> Evaluation:
    """Return an evaluation whose protocol says how the models were run, and which methods were around them.

    Args:
        evaluation: The figures.
        models: The model, or the members of an ensemble.
        outcome: The methods at work.
        method: Their names, with commas between them.
    """
    if any(model.precision == "int8" for model in models):
        evaluation = evaluation.with_protocol("weights in int8")
    if outcome.settings:
        evaluation = evaluation.with_protocol(outcome.description, method=method)
    return evaluation


def ids_of(text: TokenStore | str, tokenizer: Tokenizer) -> TokenIds:
    """Return the ids of a string or of a split.

    Raises:
        EvaluationError: Another tokenizer made the ids of the split.
        SettingError: It is neither.
        TextError: The tokenizer refuses the string.
    """
    if isinstance(text, str):
        return np.array(tokenizer.encode(text), np.int32)
    if not isinstance(text, TokenStore):
        raise SettingError(
            f"`text` must be a string or a split of a corpus, but is of type {type(text).__name__}; load a corpus "
            "by `Corpus.load(text, tokenizer=model.tokenizer)`, and pass its `test`"
        )
    if text.tokenizer_fingerprint != tokenizer.fingerprint:
        raise EvaluationError(
            "the split must be encoded by the tokenizer of the model, but another one made its ids; load the "
            "corpus by `Corpus.load(text, tokenizer=model.tokenizer)`"
        )
    return text.ids


def _method_of(options: Settings) -> str:
    """Return the name of the method that takes these options."""
    for method in METHODS.values():
        if isinstance(options, method.options_type):
            return method.name
    raise SettingError(f"`methods` must be names of methods or their options, but holds {options!r}")


def _known(corpus: Corpus | None) -> Corpus:
    if corpus is None:
        raise SettingError("`corpus` must be given for this method, but is not; pass `corpus=corpus`")
    return corpus
