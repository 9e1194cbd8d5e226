"""What a study has found: the best trials as a table, as JSON, and as settings to train with."""

import json
import shlex
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomli_w
from optuna.trial import FrozenTrial
from rich.table import Table

from nextword.storage.single_file import write_file
from nextword.tuning.claim import STATES
from nextword.tuning.study import Study

_MOST_SHOWN = 10


@dataclass(frozen=True)
class TrialRow:
    """One trial of a report.

    Attributes:
        number: Its number.
        state: "complete", "pruned", "failed" or "running".
        perplexity: The best validation perplexity that it reported, `None` before the first.
        rounds: Rounds that it reported.
        minutes: From its first beginning to its end, pauses included; `None` while it runs.
        values: The value of each dimension.
        why: What ended it, if it is not complete.
    """

    number: int
    state: str
    perplexity: float | None
    rounds: int
    minutes: float | None
    values: Mapping[str, Any]
    why: str


@dataclass(frozen=True)
class StudyReport:
    """What a study has found.

    Attributes:
        rows: The trials, best first: the complete ones by perplexity, then the others.
        importances: The part of each dimension in what makes a trial good.
        train_command: The command that trains the best settings; empty if no trial is complete.
    """

    rows: Sequence[TrialRow]
    importances: Mapping[str, float]
    train_command: str

    @classmethod
    def of(cls, study: Study) -> "StudyReport":
        """Return the report of a study as it stands."""
        rows = [_row(study, trial) for trial in study.trials]
        rows.sort(key=lambda row: (row.state != "complete", row.perplexity is None, row.perplexity or 0.0, row.number))
        return cls(rows, study.importances(), train_command(study) if study.best_trial() else "")

    def table(self) -> Table:
        """Return the best ten trials as a table for a terminal."""
        table = Table(box=None, pad_edge=False)
        names = list(self.rows[0].values) if self.rows else []
        varied = [name.split(".", 1)[1] for name in names]
        for heading in ("trial", "valid perplexity", "rounds", "minutes", *varied):
            table.add_column(heading, justify="right")
        table.add_column("")
        for row in self.rows[:_MOST_SHOWN]:
            perplexity = "" if row.perplexity is None else f"{row.perplexity:,.2f}"
            minutes = "" if row.minutes is None else f"{row.minutes:.1f}"
            shown = [format_value(row.values[name]) if name in row.values else "" for name in names]
            state = "" if row.state == "complete" else row.state
            table.add_row(str(row.number), perplexity, str(row.rounds), minutes, *shown, state)
        return table

    def sentences(self) -> list[str]:
        """Return what the table does not show, in sentences."""
        counts = Counter(row.state for row in self.rows)
        sentences = [
            f"{len(self.rows)} {'trial' if len(self.rows) == 1 else 'trials'}: "
            + ", ".join(f"{number} {state}" for state, number in counts.items())
        ]
        if self.importances:
            parts = ", ".join(f"{name.split('.', 1)[1]} {part:.0%}" for name, part in self.importances.items())
            sentences.append(f"what mattered, among the complete trials: {parts}")
        if self.train_command:
            sentences.append(f"train the best with: {self.train_command}")
        return sentences

    def to_json(self) -> str:
        """Return the whole report as JSON."""
        table = {
            "best": vars(self.rows[0]) if self.train_command else None,
            "trials": [vars(row) for row in self.rows],
            "importances": dict(self.importances),
            "train_command": self.train_command,
        }
        return json.dumps(table, indent=2)


def write_best(study: Study) -> None:
    """Write `best.toml`, which `nextword train --config` trains again to the bits of the best trial's weights."""
    with study.lock:  # else an older best might be written over a newer one
        if best := study.best_trial():
            tables = tomllib.loads(study.best_config(best))
            tables.pop("origin")  # the new run has an origin of its own
            heading = f"# Trial {best.number}: validation perplexity {best.value:.2f}\n# {train_command(study)}\n\n"
            write_file(study.directory.best_file, (heading + tomli_w.dumps(tables)).encode())


def train_command(study: Study) -> str:
    """Return the command that trains the best settings."""
    text, preset = study.settings.text, study.settings.base.origin.get("preset", "quick")
    return shlex.join(["nextword", "train", text, "--preset", preset, "--config", str(study.directory.best_file)])


def describe(values: Mapping[str, Any]) -> str:
    """Return the values of a trial for a person, each under the last part of its name."""
    return ", ".join(f"{name.split('.', 1)[1]} {format_value(value)}" for name, value in values.items())


def format_value(value: Any) -> str:
    """Return a value for a person.

    Example:
        >>> format_value({"model": {"embedding_size": 160, "hidden_sizes": [320, 160]}})
        '160 / 320,160'
    """
    if isinstance(value, Mapping):
        return " / ".join(format_value(each) for each in value.values())
    if isinstance(value, list):
        return ",".join(format_value(each) for each in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _row(study: Study, trial: FrozenTrial) -> TrialRow:
    return TrialRow(
        number=trial.number,
        state=next(name for name, state in STATES.items() if state == trial.state),
        perplexity=min(trial.intermediate_values.values(), default=None),
        rounds=len(trial.intermediate_values),
        minutes=None if trial.duration is None else trial.duration.total_seconds() / 60,
        values=study.values(trial.number),
        why=trial.user_attrs.get("why", ""),
    )
