"""`nextword evaluate`: how good is the model, its network alone, as it is used, or with weights that learn?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.cli.evaluation.columns import (
    Column,
    columns_of,
    inputs_of,
    require_comparable,
    require_same_words,
)
from nextword.cli.evaluation.reports import copied_report, keystrokes_report, require_plain
from nextword.cli.options.command import command
from nextword.cli.options.setting_option import (
    JsonOptions,
    Tables,
    argument,
    bad_bytes_of_splits_option,
    data_dir_option,
    given_settings,
    option,
)
from nextword.cli.options.target import complete_model, engine_option, split_option
from nextword.cli.output.console import evaluation_progress, waiting
from nextword.cli.output.messages import warn
from nextword.display.table import table_lines
from nextword.engine.dynamic import DynamicOptions
from nextword.engine.opening import EngineName
from nextword.errors import SettingError
from nextword.inference.evaluation.perplexity import Evaluation
from nextword.inference.evaluation.perplexity import evaluate as evaluate_engine
from nextword.inference.evaluation.significance import Comparison, LineScores, Unit, compare_lines, lines_of
from nextword.inference.evaluation.text_evaluation import EvaluatedMethod, EvaluatedModel, evaluated_model, with_method
from nextword.text.options import OnBadBytes
from nextword.text.sources.names import SplitOrAll

_NUM_GENERATED = 10_000
"""Tokens that `--copied` generates."""


@dataclass(frozen=True, kw_only=True)
class _EvaluateOptions(JsonOptions):
    arguments: tuple[str, ...] = argument(metavar="RUN_OR_MODEL... [TEXT]", complete=complete_model)
    split: SplitOrAll | None = split_option()
    method: tuple[EvaluatedMethod, ...] = option(
        (),
        help="A column. static: the network. mixture: the network with the n-grams and cache of the model. dynamic: "
        "the network, with weights that follow the text.",
        unset="static, and mixture if the model has one",
    )
    ngram_weight: float | None = option(
        None, help="Weight of the n-grams in the mixture; 0 leaves them out.", at_least=0, unset="that of the model"
    )
    cache_weight: float | None = option(
        None, help="Weight of the cache in the mixture; 0 leaves it out.", at_least=0, unset="that of the model"
    )
    significance: bool = option(False, help="Test whether other columns differ from the first by chance.")
    ensemble: bool = option(False, help="Combine all models: average their probabilities.")
    keystrokes: bool = option(False, help="Measure the keys that suggestions save, in place of perplexity.")
    copied: bool = option(False, help="Measure what generated text copies from the training text.")
    secret: tuple[str, ...] = option(
        (),
        help="With --copied, rank a line with a secret among others of its shape: with other digits, or with other "
        "characters in [brackets]. Repeat for more.",
        metavar="LINE",
        is_rare=True,
    )
    max_tokens: int | None = option(
        None,
        help="Stop after N tokens, with --keystrokes or --copied.",
        at_least=1,
        unset=f"the whole split, or {_NUM_GENERATED:,}",
    )
    batch_size: int = option(1, help="Rows to read in parallel. 1 is exact; more is faster.", at_least=1)
    data_dir: Path | None = data_dir_option()
    on_bad_bytes: OnBadBytes | None = bad_bytes_of_splits_option()
    engine: EngineName = engine_option()


@command(
    _EvaluateOptions,
    DynamicOptions,
    short=[],
    examples=[
        "nextword evaluate austen",
        "nextword evaluate runs/demo my-text.txt --keystrokes",
        "nextword evaluate runs/demo --method static --method mixture --method dynamic",
    ],
)
def evaluate(options: _EvaluateOptions, given: Tables) -> None:
    """Measure perplexity, accuracy, keystrokes or copying.

    TEXT is the text to read. By default, the command reads the test split of the text of the runs, and all of another
    file. Every token counts, `<eos>` included. Several models or methods appear side by side: by default, the network
    alone (static), and the model as used, with the n-grams and the cache that it may hold. Only static figures can be
    compared with those of other programs. The stored weights never change.
    """
    _check(options, given)
    columns = _columns(options)
    outcomes = [_prepared(column, given) for column in columns]  # before the split is read
    if options.keystrokes:
        options.show(*keystrokes_report(columns, outcomes, max_tokens=options.max_tokens))
        return
    if options.copied:
        options.show(*copied_report(columns, outcomes, options.secret, options.max_tokens or _NUM_GENERATED))
        return
    if options.significance:
        require_same_words(columns)
    results = [
        _evaluated(column, outcome, options.batch_size, by_line=options.significance)
        for column, outcome in zip(columns, outcomes, strict=True)
    ]
    # Blocks of lines are nearly independent if a model learns from line to line.
    unit: Unit = "block" if any(outcome.learns for outcome in outcomes) else "line"
    comparisons = _compared(results, unit) if options.significance else []
    for warning in dict.fromkeys(result.evaluation.warning for result in results):
        if warning is not None:
            warn(warning)
    options.show(_to_table(results, comparisons), "\n".join(_describe(results, comparisons)))


def _check(options: _EvaluateOptions, given: Tables) -> None:
    if given and "dynamic" not in options.method:
        flags = ", ".join(f"`--{name.replace('_', '-')}`" for name in given[DynamicOptions.group])
        raise SettingError(f"{flags} needs `--method dynamic`; add it, or leave the setting out")
    if options.secret and not options.copied:
        raise SettingError("`--secret` needs `--copied`; add it, or leave `--secret` out")
    if options.keystrokes and options.copied:
        raise SettingError("`--keystrokes` and `--copied` are two measurements; leave one out")
    if options.keystrokes or options.copied:
        flag = "--keystrokes" if options.keystrokes else "--copied"
        require_plain(flag, significance=options.significance, batch_size=options.batch_size)
    elif options.max_tokens is not None:
        raise SettingError("`--max-tokens` needs `--keystrokes` or `--copied`; add one, or leave `--max-tokens` out")


def _columns(options: _EvaluateOptions) -> list[Column]:
    weights = {"ngram_weight": options.ngram_weight, "cache_weight": options.cache_weight}
    inputs = inputs_of(options.arguments, options.split, options.data_dir, options.on_bad_bytes, weights)
    only_used = options.keystrokes or options.copied
    columns = columns_of(inputs, options.method, as_ensemble=options.ensemble, only_used=only_used)
    if options.significance:
        require_comparable(columns, options.batch_size)
    return columns


class _EvaluatedColumn(NamedTuple):
    column: Column
    outcome: EvaluatedModel
    evaluation: Evaluation
    lines: LineScores | None


def _prepared(column: Column, given: Tables) -> EvaluatedModel:
    with waiting(f"preparing {column.label}"):
        dynamic = given_settings(given, DynamicOptions)
        return evaluated_model(column.models, column.method, column.first.training_ids, dynamic)


def _evaluated(column: Column, outcome: EvaluatedModel, batch_size: int, *, by_line: bool) -> _EvaluatedColumn:
    first = column.first
    store = first.store(first.split)
    log_probs: list[NDArray[np.float64]] = []
    with evaluation_progress(f"{first.split}, {column.label}", store.num_tokens) as on_progress:
        evaluation = evaluate_engine(
            outcome.model.engine,
            store.ids,
            batch_size=batch_size,
            on_progress=on_progress,
            on_scored=(lambda scored: log_probs.append(scored.log_probs)) if by_line else None,
            unknown_id=first.model.tokenizer.unknown_id_in(store.report.num_out_of_vocabulary),
        )
    evaluation = with_method(evaluation.with_counts(store), column.models, outcome)
    lines = lines_of(np.concatenate(log_probs), store.ids, end_id=outcome.model.engine.end_id) if by_line else None
    return _EvaluatedColumn(column, outcome, evaluation, lines)


def _compared(results: Sequence[_EvaluatedColumn], unit: Unit) -> list[Comparison]:
    """Return the comparison of each further column with the first, by units; they were read as one stream."""
    lines = [column.lines for column in results if column.lines is not None]
    return [compare_lines(lines[0], other, unit=unit) for other in lines[1:]]


def _to_table(results: Sequence[_EvaluatedColumn], comparisons: Sequence[Comparison]) -> dict[str, Any]:
    tables = [_table(each) for each in results]
    labels = [each.column.label for each in results]
    significance = [
        {"first": labels[0], "second": label, **comparison.to_table()}
        for label, comparison in zip(labels[1:], comparisons, strict=False)
    ]
    return {"evaluations": tables, "significance": significance}


def _describe(results: Sequence[_EvaluatedColumn], comparisons: Sequence[Comparison]) -> list[str]:
    """Return the figures side by side, and the comparisons with the first."""
    labels = [each.column.label for each in results]
    lines = _side_by_side(labels, [each.evaluation for each in results])
    first = results[0].column.first
    if part := first.text.part_of_file(first.split):
        lines.insert(-len(results), f"({part})")  # before the protocols
    for label, comparison in zip(labels[1:], comparisons, strict=False):
        lines += ["", f"{label} against {labels[0]}", *comparison.describe()]
    return lines


def _side_by_side(labels: Sequence[str], evaluations: Sequence[Evaluation]) -> list[str]:
    """Return the figures under their labels and the protocol of each; a lone static column needs no label."""
    if len(evaluations) == 1 and evaluations[0].method == "static":
        return evaluations[0].describe()
    columns = [evaluation.figures() for evaluation in evaluations]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [("", *labels), *((name, *(column.get(name, "") for column in columns)) for name in names)]
    protocols = zip(labels, evaluations, strict=True)
    return [*table_lines(rows), *(f"({label}: {evaluation.protocol})" for label, evaluation in protocols)]


def _table(result: _EvaluatedColumn) -> dict[str, Any]:
    first = result.column.first
    names, run_by = ([getattr(model, of) for model in result.column.models] for of in ("name", "run_by"))
    return {
        "model": names[0] if len(names) == 1 else names,
        "run_by": run_by[0] if len(run_by) == 1 else run_by,
        "label": result.column.label,
        "text": first.text.named or first.text.origin.text,
        "split": first.split,
        "part_of_file": first.text.part_of_file(first.split),
        "settings": result.outcome.settings,
        **result.evaluation.to_table(),
    }
