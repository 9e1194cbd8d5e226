"""What an evaluation says, to a person or a program."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.cli.evaluation_columns import Column
from nextword.engine.chain import AppliedMethods
from nextword.evaluation.perplexity import Evaluation
from nextword.evaluation.significance import Comparison, Unit, compare_lines, lines_of


class EvaluatedColumn(NamedTuple):
    """A column with its figures.

    Attributes:
        column: What was evaluated.
        outcome: Its methods at work.
        evaluation: The figures.
        log_probs: The log-probability of each token, in the order in which they were read.
    """

    column: Column
    outcome: AppliedMethods
    evaluation: Evaluation
    log_probs: NDArray[np.float64]


def compared(found: Sequence[EvaluatedColumn], unit: Unit) -> list[Comparison]:
    """Return the comparison of each further column with the first, by units; they were read as one stream."""
    lines = []
    for column, outcome, _, log_probs in found:
        ids = column.first.store(column.first.split).ids
        lines.append(lines_of(log_probs, ids, end_id=outcome.model.engine.end_id))
    return [compare_lines(lines[0], other, unit=unit) for other in lines[1:]]


def to_json(found: Sequence[EvaluatedColumn], comparisons: Sequence[Comparison]) -> str:
    """Return one object: the table of a lone column, or those of all and of the comparisons with the first."""
    tables = [_table(each) for each in found]
    if len(tables) == 1:
        return json.dumps(tables[0], allow_nan=False)
    labels = [each.column.label for each in found]
    significance = [
        {"first": labels[0], "second": label, **comparison.to_table()}
        for label, comparison in zip(labels[1:], comparisons, strict=False)
    ]
    return json.dumps({"evaluations": tables, "significance": significance}, allow_nan=False)


def describe(found: Sequence[EvaluatedColumn], comparisons: Sequence[Comparison]) -> list[str]:
    """Return the figures side by side, the flags that repeat what was tuned, and the comparisons with the first."""
    labels = [each.column.label for each in found]
    lines = _side_by_side(labels, [each.evaluation for each in found])
    if part := found[0].column.first.part_of_file:
        lines.insert(-len(found), f"({part})")  # before the protocols
    lines += [f"the same without --tune: {flags_of(each)}" for each in found if _can_be_repeated(each)]
    for label, comparison in zip(labels[1:], comparisons, strict=False):
        lines += ["", f"{label} against {labels[0]}", *comparison.describe()]
    return lines


def flags_of(found: EvaluatedColumn) -> str:
    """Return the flags that give a column its settings without being tuned again."""
    methods = ",".join(method.name for method in found.column.methods)
    flags = [f"--method {methods}"] if methods else []
    if len(found.column.inputs) > 1:
        flags.append("--ensemble")
    for _, kinds in found.outcome.settings:
        for name, value in kinds[0].to_table().items():
            shown = ",".join(map(str, value)) if isinstance(value, list) else value
            flags.append(f"--{name.replace('_', '-')} {shown}")
    return " ".join(flags)


def _can_be_repeated(found: EvaluatedColumn) -> bool:
    """Say whether something was tuned, and flags can give it: members of an ensemble may have settings of their own."""
    return bool(found.outcome.tuned) and all(len(set(kinds)) == 1 for _, kinds in found.outcome.settings)


def _side_by_side(labels: Sequence[str], evaluations: Sequence[Evaluation]) -> list[str]:
    """Return the figures under their labels and the protocol of each; a lone static column needs no label."""
    if len(evaluations) == 1 and evaluations[0].method == "static":
        return evaluations[0].describe()
    columns = [evaluation.figures() for evaluation in evaluations]
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [("", *labels), *((name, *(column.get(name, "") for column in columns)) for name in names)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    protocols = zip(labels, evaluations, strict=True)
    return [*lines, *(f"({label}: {evaluation.protocol})" for label, evaluation in protocols)]


def _table(found: EvaluatedColumn) -> dict[str, Any]:
    first = found.column.first
    names, run_by = ([getattr(model, of) for model in found.column.models] for of in ("name", "run_by"))
    return {
        "model": names[0] if len(names) == 1 else names,
        "run_by": run_by[0] if len(run_by) == 1 else run_by,
        "label": found.column.label,
        "text": first.text or first.target.text,
        "split": first.split,
        "part_of_file": first.part_of_file,
        "settings": found.outcome.to_table(),
        "tuned": list(found.outcome.tuned),
        **found.evaluation.to_table(),
    }
