"""What `nextword evaluate --copied` prints: generated text next to held-out text, copied passages, and secrets."""

import json
from collections.abc import Sequence
from dataclasses import replace

from nextword.cli.evaluation.columns import Column
from nextword.cli.output.console import read_split, table_lines, waiting
from nextword.engine.methods.chain import AppliedMethods
from nextword.errors import SettingError, printable
from nextword.inference.evaluation.copying import Copying, measure_copying

_PROTOCOL = (
    "generated: sampled at temperature 1 without a prompt, in texts of at most 250 tokens; copied: in the train split, "
    "token by token; sequences with unknown words are left out"
)


def copied_report(
    columns: Sequence[Column],
    outcomes: Sequence[AppliedMethods],
    secrets: Sequence[str],
    num_tokens: int,
    as_json: bool,
) -> str:
    """Measure what each column copies from the text that it was trained on, and return it as lines or as JSON.

    Raises:
        EvaluationError: A text is too short.
        SettingError: The training text is not known, or a line has no secret.
        TextError: A text cannot be read.
    """
    lines, tables = [], []
    for column, outcome in zip(columns, outcomes, strict=True):
        first = column.first
        if first.text.origin.text is None:
            raise SettingError(f"`--copied` needs the training text, which `{first.path}` does not name; give its run")
        train = read_split(replace(first.text, named=None), "train", first.model.tokenizer).ids
        held_out = first.store(first.split).ids
        with waiting(f"generating text with {column.label}"):
            found = measure_copying(outcome.model, train, held_out, secrets=secrets, max_tokens=num_tokens)
        lines += [*([column.label] if len(columns) > 1 else []), *_describe(found, first.split)]
        tables.append({"label": column.label, "held_out_split": first.split, **found.to_table()})
    return json.dumps({"copied": tables, "protocol": _PROTOCOL}) if as_json else "\n".join([*lines, f"({_PROTOCOL})"])


def _describe(found: Copying, split: str) -> list[str]:
    rows = [("", "tokens", f"copied {found.ngram_length}-grams", "longest copied passage")]
    for name, each in (("generated", found.generated), (split, found.held_out)):
        rows.append((name, f"{each.num_tokens:,}", f"{each.share:.2%}", f"{each.longest} tokens"))
    lines = table_lines(rows) + [f"copied: {printable(text)}" for text in found.generated.passages]
    for secret in found.exposures:
        rank = f"rank {secret.rank:,} of {secret.num_candidates:,}, exposure {secret.bits:.1f} bits"
        lines.append(f"secret: {rank}: {printable(secret.secret)}")
    return lines
