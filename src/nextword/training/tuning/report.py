"""The results of a study: a table of the best trials, JSON, and the best settings."""

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

from nextword.errors import counted
from nextword.system.files import write_file
from nextword.training.tuning.database import STATES
from nextword.training.tuning.study import Study

_MAX_SHOWN = 10


@dataclass(frozen=True)
class TrialRow:
    """One trial of a report."""

    number: int  # its number
    state: str  # "complete", "pruned", "failed" or "running"
    perplexity: float | None  # the best reported validation perplexity; `None` before the first
    rounds: int  # number of reported rounds
    minutes: float | None  # minutes from its first start to its end, including pauses; `None` while it runs
    values: Mapping[str, Any]  # the value of each dimension
    why: str  # the reason why it is not complete


@dataclass(frozen=True)
class StudyReport:
    """The results of a study."""

    rows: Sequence[TrialRow]  # the trials: first the complete ones, best first, then the others
    importances: Mapping[str, float]  # the importance of each dimension for the perplexity, as a fraction of 1
    train_command: str  # the command that trains the best settings; empty if no trial is complete

    @classmethod
    def of(cls, study: Study) -> "StudyReport":
        """Return the current report of a study."""
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
        for row in self.rows[:_MAX_SHOWN]:
            perplexity = "" if row.perplexity is None else f"{row.perplexity:,.2f}"
            minutes = "" if row.minutes is None else f"{row.minutes:.1f}"
            shown = [format_value(row.values[name]) if name in row.values else "" for name in names]
            state = "" if row.state == "complete" else row.state
            table.add_row(str(row.number), perplexity, str(row.rounds), minutes, *shown, state)
        return table

    def sentences(self) -> list[str]:
        """Return the counts, the importances and the command for the best trial, as sentences."""
        states = ", ".join(f"{number} {state}" for state, number in Counter(row.state for row in self.rows).items())
        sentences = [f"{counted(len(self.rows), 'trial')}: {states}"]
        if self.importances:
            parts = ", ".join(f"{name.split('.', 1)[1]} {part:.0%}" for name, part in self.importances.items())
            sentences.append(f"importance among the complete trials: {parts}")
        if self.train_command:
            sentences.append(f"train with the best settings: {self.train_command}")
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
    """Write `best.toml`; `nextword train --config` with it reproduces the weights of the best trial exactly."""
    with study.lock:  # otherwise an older best could overwrite a newer one
        if best := study.best_trial():
            tables = tomllib.loads(study.best_config(best))
            tables.pop("origin")  # the new run has its own origin
            tables["training"].setdefault("sampled_softmax", 0)  # else `auto` could choose candidates
            heading = f"# Trial {best.number}: validation perplexity {best.value:.2f}\n# {train_command(study)}\n\n"
            write_file(study.directory.best_file, (heading + tomli_w.dumps(tables)).encode())


def train_command(study: Study) -> str:
    """Return the command that trains the best settings."""
    text, preset = study.settings.text, study.settings.base.origin.get("preset", "quick")
    return shlex.join(["nextword", "train", text, "--preset", preset, "--config", str(study.directory.best_file)])


def describe(values: Mapping[str, Any]) -> str:
    """Return the values of a trial as text, each with the last part of its name."""
    return ", ".join(f"{name.split('.', 1)[1]} {format_value(value)}" for name, value in values.items())


def format_value(value: Any) -> str:
    """Return a value as text.

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
