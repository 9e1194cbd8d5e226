"""`nextword evaluate`: how good is the model, as it is or with what can be done after training?"""

from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from nextword.cli.evaluation_columns import (
    Column,
    columns_of,
    comparison_unit,
    inputs_of,
    require_comparable,
    require_same_words,
)
from nextword.cli.evaluation_report import EvaluatedColumn, compared, describe, to_json
from nextword.cli.options import SettingsCommand, Tables, bad_bytes_of_splits_option, given_tables, settings_options
from nextword.cli.progress import evaluation_progress, waiting
from nextword.cli.target import SplitOrAll, data_dir_option, engine_option, split_option
from nextword.engine.chain import METHODS, OPTIONS_TYPES, STATIC, AppliedMethods, apply_methods, require_used
from nextword.errors import SettingError
from nextword.evaluation.perplexity import evaluate as evaluate_engine
from nextword.evaluation.significance import Unit
from nextword.text.options import OnBadBytes


@settings_options(OPTIONS_TYPES)
@click.command(cls=SettingsCommand)
@click.argument("arguments", nargs=-1, required=True, metavar="RUN_OR_MODEL... [TEXT]")
@split_option
@click.option(
    "--method",
    "chains",
    multiple=True,
    default=[STATIC],
    metavar="NAME[,NAME...]",
    show_default=True,
    help=f"What is done after training: {', '.join((STATIC, *METHODS))}. Names with commas between them go around one "
    "another, the first around the model; given again, a column of its own.",
)
@click.option("--tune", is_flag=True, help="Find the settings that are not given on the valid split first.")
@click.option("--significance", is_flag=True, help="Say whether each further column differs from the first by chance.")
@click.option(
    "--unit",
    type=click.Choice(["line", "block"]),
    help="What --significance takes to be independent: a line, or a block of 32; blocks where a method learns as it "
    "reads, else lines.",
)
@click.option("--ensemble", is_flag=True, help="Take all models as one, by the mean of their probabilities.")
@click.option(
    "--batch-size",
    default=1,
    show_default=True,
    help="Rows read side by side; 1 is exact, more is faster on long texts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@data_dir_option
@bad_bytes_of_splits_option
@engine_option
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    arguments: tuple[str, ...],
    split: SplitOrAll,
    chains: tuple[str, ...],
    tune: bool,
    ensemble: bool,
    significance: bool,
    unit: Unit | None,
    batch_size: int,
    as_json: bool,
    data_dir: Path | None,
    on_bad_bytes: OnBadBytes | None,
    **_settings: Any,
) -> None:
    """Measure perplexity and accuracy of models on a split of TEXT.

    TEXT is by default the text that the runs were trained on. Every token of the split counts, <eos> included, and each
    is predicted once from all that stands before it. Several models, and several --method, stand in columns side by
    side. The stored weights are never changed.
    """
    inputs = inputs_of(arguments, split, data_dir, on_bad_bytes=on_bad_bytes)
    columns = columns_of(inputs, [chain.split(",") for chain in chains], as_ensemble=ensemble)
    if significance:
        require_comparable(columns, batch_size)
    elif unit is not None:
        raise SettingError("`--unit` must go with `--significance`, which was not asked for; add it, or leave it out")
    if tune and not ensemble and not any(method.tunable for column in columns for method in column.methods):
        raise SettingError(
            "`--tune` must go with a `--method` that has settings to find, but there is none; name one, or leave it out"
        )
    tables = given_tables(context)
    require_used(tables, [method for column in columns for method in column.methods], ensemble=ensemble)
    outcomes = [_prepared(column, tables, tune=tune) for column in columns]  # before the split asked for is looked at
    if significance:
        require_same_words(columns)
    found = [_evaluated(column, outcome, batch_size) for column, outcome in zip(columns, outcomes, strict=True)]
    comparisons = compared(found, unit or comparison_unit(columns)) if significance else []
    click.echo(to_json(found, comparisons) if as_json else "\n".join(describe(found, comparisons)))


def _prepared(column: Column, tables: Tables, *, tune: bool) -> AppliedMethods:
    with waiting(f"{'tuning' if tune else 'preparing'} {column.label}"):
        return apply_methods(column.models, column.methods, tables, column.first.splits, tune=tune)


def _evaluated(column: Column, outcome: AppliedMethods, batch_size: int) -> EvaluatedColumn:
    first = column.first
    store = first.store(first.split)
    log_probs: list[NDArray[np.float64]] = []
    with evaluation_progress(f"{first.split}, {column.label}", store.num_tokens) as on_progress:
        evaluation = evaluate_engine(
            outcome.model.engine,
            store.ids,
            batch_size=batch_size,
            on_progress=on_progress,
            on_scored=lambda scored: log_probs.append(scored.log_probs),
        )
    evaluation = evaluation.with_counts(store)
    if any(model.precision == "int8" for model in column.models):
        evaluation = evaluation.with_protocol("weights in int8")
    if outcome.settings:
        evaluation = evaluation.with_protocol(outcome.description, method=column.method)
    return EvaluatedColumn(column, outcome, evaluation, np.concatenate(log_probs))
