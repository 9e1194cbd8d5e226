"""Reports that `nextword evaluate` prints in place of its table: keystrokes saved, and text copied from training."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nextword.cli.evaluation.columns import Column, EvaluationInput
from nextword.cli.output.console import evaluation_progress, read_split, waiting
from nextword.display.table import table_lines
from nextword.engine.mixture.kneser_ney import KneserNeyModel, NgramModelEngine
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError, TextError, printable
from nextword.inference.evaluation.copying import Copying, measure_copying
from nextword.inference.evaluation.keystrokes import KeystrokeEvaluation, Keystrokes, evaluate_keystrokes
from nextword.inference.evaluation.text_evaluation import EvaluatedModel

KNESER_NEY = "Kneser-Ney"
_ORDER = 5

_KEYSTROKES_PROTOCOL = (
    "each character is a key, and so is a line end; one key takes the right suggestion as soon as it is shown, "
    "with the space after it; the whole split is one text"
)


_COPIED_PROTOCOL = (
    "generated: sampled at temperature 1 without a prompt, in texts of at most 250 tokens; copied: in the train split, "
    "token by token; sequences with unknown words are left out"
)


@dataclass(frozen=True)
class _MeasuredColumn:
    label: str
    first: EvaluationInput
    outcome: EvaluatedModel | None
    notes: tuple[str, ...]
    evaluation: KeystrokeEvaluation

    @property
    def protocol(self) -> str:
        return "; ".join((_KEYSTROKES_PROTOCOL, *self.notes))

    @property
    def parts(self) -> list[tuple[bool, Keystrokes]]:
        return [(False, self.evaluation.plain), (True, self.evaluation.learned)]

    def to_tables(self) -> list[dict[str, Any]]:
        model, text = self.first.model, self.first.text
        known = {
            "model": model.name,
            "run_by": model.run_by if self.outcome else "NumPy",
            "label": self.label,
            "text": text.named or text.origin.text,
            "split": self.first.split,
            "part_of_file": text.part_of_file(self.first.split),
            "settings": self.outcome.settings if self.outcome else {"kneser_ney": {"order": _ORDER}},
            "protocol": self.protocol,
        }
        return [{**known, "learned_words": learned, **figures.to_table()} for learned, figures in self.parts]


def require_plain(flag: str, *, significance: bool, batch_size: int) -> None:
    """Raise `SettingError` if options do not go with `--keystrokes` or `--copied`."""
    if significance:
        raise SettingError(f"`--significance` compares perplexities; leave out it or `{flag}`")
    if batch_size != 1:
        raise SettingError(f"`--batch-size` must be 1 for `{flag}`, but is {batch_size}; leave it out")


def keystrokes_report(
    columns: Sequence[Column], outcomes: Sequence[EvaluatedModel], *, max_tokens: int | None
) -> tuple[dict[str, Any], str]:
    """Measure the keystrokes that each column saves, and return the figures for JSON and as lines.

    A column with a Kneser-Ney model of the same training text follows, if that text is known.
    """
    missing: list[str] = []
    results = []
    for column, outcome in zip(columns, outcomes, strict=True):
        label = column.label if len(columns) > 1 else column.first.model.name
        notes = [outcome.use] if outcome.use else []
        notes += ["weights in int8"] if any(model.precision == "int8" for model in column.models) else []
        results.append(_measured(label, column.first, outcome.model, outcome, notes, max_tokens))
    for label, first in _training_texts(columns):
        try:
            model = _kneser_ney(first)
        except (SettingError, TextError) as error:
            missing.append(f"no column for {label}: {error}")
            continue
        notes = [f"order {_ORDER}, fitted to the train split of `{first.text.origin.text}`"]
        results.append(_measured(label, first, model, None, notes, max_tokens))
    tables = [table for each in results for table in each.to_tables()]
    return {"keystrokes": tables, "missing": missing}, "\n".join(_keystroke_lines(results, missing))


def _measured(
    label: str,
    first: EvaluationInput,
    model: TextModel,
    outcome: EvaluatedModel | None,
    notes: Sequence[str],
    max_tokens: int | None,
) -> _MeasuredColumn:
    pretokenized = first.model.tokenizer.kind == "pretokenized"
    lines = list(first.text.lines(first.split, pretokenized=pretokenized))
    with evaluation_progress(f"keystrokes of {first.split}, {label}", None) as on_progress:
        evaluation = evaluate_keystrokes(model, lines, max_tokens=max_tokens, on_progress=on_progress)
    notes = [*notes, *([f"the first {max_tokens:,} tokens"] if max_tokens else [])]
    return _MeasuredColumn(label, first, outcome, tuple(notes), evaluation)


def _training_texts(columns: Sequence[Column]) -> Iterator[tuple[str, EvaluationInput]]:
    """Yield the label and the input of one column for each tokenizer and training text."""
    firsts = {(each.first.model.tokenizer.fingerprint, each.first.text.origin.text): each.first for each in columns}
    for first in firsts.values():
        yield KNESER_NEY if len(firsts) == 1 else f"{KNESER_NEY} of {first.path}", first


def _kneser_ney(first: EvaluationInput) -> TextModel:
    tokenizer = first.model.tokenizer
    ids = replace(first.text, named=None).load("train", tokenizer).ids
    end_id = tokenizer.vocabulary.end_id
    with waiting(f"counting n-grams of up to {_ORDER} tokens"):
        model = KneserNeyModel.fit(ids, _ORDER, vocabulary_size=tokenizer.vocabulary_size, end_id=end_id)
    return first.model.with_engine(NgramModelEngine(model, end_id=end_id))


def _keystroke_lines(results: Sequence[_MeasuredColumn], missing: Sequence[str]) -> list[str]:
    parts = [(each.label, learned, figures) for each in results for learned, figures in each.parts]
    columns = [
        {"": label, "learned words": "yes" if learned else "no"} | figures.figures()
        for label, learned, figures in parts
    ]
    rows = [(name, *(column[name] for column in columns)) for name in columns[0]]
    lines = table_lines(rows)
    first = results[0].first
    if part := first.text.part_of_file(first.split):
        lines.append(f"({part})")
    lines.append(f"({_KEYSTROKES_PROTOCOL})")
    lines += [f"({each.label}: {'; '.join(each.notes)})" for each in results if each.notes]
    return [*lines, *(f"({line})" for line in missing)]


def copied_report(
    columns: Sequence[Column], outcomes: Sequence[EvaluatedModel], secrets: Sequence[str], num_tokens: int
) -> tuple[dict[str, Any], str]:
    """Measure what each column copies from the text that it was trained on, and return it for JSON and as lines."""
    lines, tables = [], []
    for column, outcome in zip(columns, outcomes, strict=True):
        first = column.first
        if first.text.origin.text is None:
            raise SettingError(f"`--copied` needs the training text, which `{first.path}` does not name; give its run")
        train = read_split(replace(first.text, named=None), "train", first.model.tokenizer).ids
        held_out = first.store(first.split).ids
        with waiting(f"generating text with {column.label}"):
            found = measure_copying(outcome.model, train, held_out, secrets=secrets, max_tokens=num_tokens)
        lines += [*([column.label] if len(columns) > 1 else []), *_copied_lines(found, first.split)]
        tables.append({"label": column.label, "held_out_split": first.split, **found.to_table()})
    return {"copied": tables, "protocol": _COPIED_PROTOCOL}, "\n".join([*lines, f"({_COPIED_PROTOCOL})"])


def _copied_lines(found: Copying, split: str) -> list[str]:
    rows = [("", "tokens", f"copied {found.ngram_length}-grams", "longest copied passage")]
    for name, each in (("generated", found.generated), (split, found.held_out)):
        rows.append((name, f"{each.num_tokens:,}", f"{each.share:.2%}", f"{each.longest} tokens"))
    lines = table_lines(rows) + [f"copied: {printable(text)}" for text in found.generated.passages]
    for secret in found.exposures:
        rank = f"rank {secret.rank:,} of {secret.num_candidates:,}, exposure {secret.bits:.1f} bits"
        lines.append(f"secret: {rank}: {printable(secret.secret)}")
    return lines
