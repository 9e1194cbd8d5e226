"""`nextword runs`: which training runs are there, and how do they compare?"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click
from rich.cells import cell_len
from rich.table import Table

from nextword.bundle.run_directory import RunDirectory, is_in_use
from nextword.cli.info import ModelInfo
from nextword.cli.options.command import command
from nextword.cli.options.run_options import runs_folder
from nextword.cli.options.setting_option import JsonOptions, argument, shown
from nextword.cli.options.target import complete_directory
from nextword.cli.output.console import Console
from nextword.errors import NextwordError, SettingError, printable
from nextword.training.base import chain_of
from nextword.training.config import RunConfig
from nextword.training.report.progress_display import clock

State = Literal["running", "stopped", "finished", "damaged"]

_GROUPS = ("text", "batching", "model", "training")
_COLUMNS_OF_A_FILE = 160


@dataclass(frozen=True, kw_only=True)
class _RunsOptions(JsonOptions):
    paths: tuple[Path, ...] = argument((), metavar="[DIR | RUN RUN...]", complete=complete_directory)


@command(
    _RunsOptions,
    examples=["nextword runs", "nextword runs experiments --json", "nextword runs runs/first runs/second"],
)
def runs(options: _RunsOptions) -> None:
    """List training runs, or compare some.

    DIR is a folder of runs (default: NEXTWORD_RUNS, or runs). If two or more runs are given, the output shows the
    settings in which they differ, and their figures side by side.
    """
    paths = options.paths
    if len(paths) > 1:
        _compare([_required(path) for path in paths], as_json=options.as_json)
        return
    folder = paths[0] if paths else runs_folder()
    if (paths or folder.exists()) and not folder.is_dir():
        found_there = "is a file" if folder.is_file() else "does not exist"
        raise SettingError(
            f"`{folder}` must be a folder of runs, but {found_there}; `nextword train TEXT` makes one, or name another"
        )
    summaries = [_summary(path) for path in _runs_in(folder)] if folder.is_dir() else []
    if options.as_json:
        click.echo(json.dumps([run.to_table() for run in summaries], allow_nan=False))
    elif summaries:
        _print_table(summaries)
    else:
        click.echo(f"no runs in `{folder}` yet; `nextword train TEXT` makes one")


@dataclass(frozen=True)
class RunSummary:
    """A run in a row."""

    path: Path
    state: State
    info: ModelInfo | None

    @property
    def figures(self) -> dict[str, Any]:
        """What it is and what it came to, by name; `None` for what is not known yet."""
        info = self.info
        if info is None or info.run is None:
            return {}
        progress, perplexities = info.progress or {}, {row.split: row.perplexity for row in info.metrics}
        spelled = {row.split: row.bits_per_character for row in info.metrics}
        return {
            "text": Path(info.run.origin.get("text_path", "unknown")).name,
            "preset": info.run.origin.get("preset"),
            "base": " < ".join(chain_of(info.run)) or None,
            "num_parameters": info.model and info.model.architecture.num_parameters,
            "progress": self._progress(),
            "rounds": progress.get("round", 0),
            "epochs": progress.get("epoch", 0.0),
            "seconds": progress.get("seconds", 0.0),
            "bits_per_character": spelled.get("test"),
            "valid_perplexity": perplexities.get("valid", progress.get("best_valid_perplexity")),
            "test_perplexity": perplexities.get("test"),
        }

    def _progress(self) -> float:
        if self.state == "finished" or self.info is None or self.info.run is None:
            return 1.0
        options, done = self.info.run.training, self.info.progress or {}
        if options.minutes is not None:
            plan = self.info.run.plan
            needed = (plan and plan.needed_seconds) or 60 * options.minutes
            return min(1.0, float(done.get("seconds", 0.0)) / needed)
        return min(1.0, float(done.get("epoch", 0.0)) / (options.epochs or 1.0))

    def to_table(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {"run": str(self.path), "state": self.state, **self.figures}


def _runs_in(folder: Path) -> list[Path]:
    """Return the runs in a folder and its folders, or the folder itself if it is a run."""
    if RunDirectory(folder).is_run:
        return [folder]
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return [path for path in inside if RunDirectory(path).is_run]


def _required(path: Path) -> RunSummary:
    RunConfig.of_run(RunDirectory(path))
    return RunSummary(path, _state(path), ModelInfo.of(path))


def _summary(path: Path) -> RunSummary:
    with suppress(NextwordError):
        return RunSummary(path, _state(path), ModelInfo.of(path))
    return RunSummary(path, "damaged", None)


def _state(path: Path) -> State:
    if is_in_use(path):
        return "running"
    return "finished" if RunDirectory(path).model.is_dir() else "stopped"


def _print_table(summaries: Sequence[RunSummary]) -> None:
    table = _plain_table()
    leading = ["text", "preset", *(["base"] if any(run.figures.get("base") for run in summaries) else [])]
    for name in ("run", *leading):
        table.add_column(name)
    for name in ("parameters", "progress", "bits/char", "valid", "test", "time"):
        table.add_column(name, justify="right")
    table.add_column("state")
    for run in summaries:
        figures = _in_words(run.figures)
        cells = (figures.get(name, "") for name in (*leading, *_SHOWN))
        table.add_row(printable(run.path.absolute().name), *cells, run.state)
    console = _console()
    console.width = max(console.width, _fit(table, console.width))
    console.print(table)


_DROPPED_FIRST = ("parameters", "preset", "text", "progress", "time")
"""Columns that a narrow terminal goes without, from the first to the last."""


def _fit(table: Table, width: int) -> int:
    """Leave out columns until the others fit uncut, because a run is named in the next command; return their width."""
    cells = {str(column.header): [column.header, *column.cells] for column in table.columns}
    widths = {header: 2 + max(cell_len(str(cell)) for cell in column) for header, column in cells.items()}
    for name in _DROPPED_FIRST:
        if sum(widths.values()) > width:
            del widths[name]
            table.columns = [column for column in table.columns if column.header != name]
    return sum(widths.values())


_SHOWN = ("num_parameters", "progress", "bits_per_character", "valid_perplexity", "test_perplexity", "seconds")


def _compare(summaries: Sequence[RunSummary], *, as_json: bool) -> None:
    names = [str(run.path) for run in summaries]
    settings = _differences([_settings(run) for run in summaries])
    if as_json:
        rows = {name: dict(zip(names, values, strict=True)) for name, values in settings.items()}
        click.echo(json.dumps({"runs": [run.to_table() for run in summaries], "settings": rows}, allow_nan=False))
        return
    table = _plain_table()
    table.add_column("setting" if settings else "figure")
    for name in names:
        table.add_column(printable(name), justify="right")
    for name, values in settings.items():
        table.add_row(name, *("" if value is None else shown(value) for value in values))
    table.add_section()
    figures = [{**_in_words(run.figures), "state": run.state} for run in summaries]
    for name in ("state", *_SHOWN, "rounds", "epochs"):
        table.add_row(
            name.replace("num_", "").replace("_", " ").replace("seconds", "time"), *(each[name] for each in figures)
        )
    _console().print(table)
    if not settings:
        click.echo("\nno setting differs")


def _settings(run: RunSummary) -> dict[str, Any]:
    config = run.info and run.info.run
    if not config:
        return {}
    tables = config.to_tables()
    origin = {name: config.origin.get(name) for name in ("text_path", "preset", "base_sha256")}
    return origin | {f"{group}.{name}": value for group in _GROUPS for name, value in tables[group].items()}


def _differences(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the settings that are not the same in all runs, with the value of each; `None` if a run has none."""
    names = dict.fromkeys(name for each in settings for name in each)
    rows = {name: [each.get(name) for each in settings] for name in names}
    return {name: values for name, values in rows.items() if any(value != values[0] for value in values)}


def _in_words(figures: Mapping[str, Any]) -> dict[str, str]:
    forms: dict[str, Callable[[Any], str]] = {
        "num_parameters": lambda number: f"{number / 1e6:.1f} M",
        "progress": lambda share: f"{share:.0%}",
        "seconds": clock,
        "epochs": lambda number: f"{number:.2f}",
        "bits_per_character": lambda number: f"{number:.3f}",
        "valid_perplexity": lambda number: f"{number:,.2f}",
        "test_perplexity": lambda number: f"{number:,.2f}",
    }
    return {
        name: "-" if value is None else forms.get(name, lambda value: printable(str(value)))(value)
        for name, value in figures.items()
    }


def _plain_table() -> Table:
    return Table(box=None, header_style="bold", padding=(0, 2, 0, 0))


def _console() -> Console:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _COLUMNS_OF_A_FILE
    return console
