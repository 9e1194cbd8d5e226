"""What a benchmark reports: a line of JSON for each measurement, and tables of them for people."""

import json
import os
import platform
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np

import nextword
from harness.process import PeerError
from nextword.errors import NextwordError, SettingError
from nextword.system.capacity import read_capacity
from nextword.system.files import write_file
from nextword.system.processor import read_processor

# Environment variables that change how fast programs are.
_VARIABLES = (
    *("GLIBC_", "JAX_", "KMP_", "LD_PRELOAD", "MALLOC_", "MKL_", "NEXTWORD_KEEP_MEMORY", "NPROC", "OMP_"),
    *("OPENBLAS_", "XLA_"),
)

_MAX_IDLE_LOAD = 0.5
"""If the load before the first measurement is higher than this, the numbers are unreliable."""


class Report:
    """The lines of one benchmark, each a JSON object with its `kind`, on standard output and in a file.

    Args:
        program: Name of the script.
        path: The file; `None` for standard output alone.
    """

    def __init__(self, program: str, path: Path | None = None) -> None:
        self.missing: dict[str, str] = {}
        self.lines: list[dict[str, Any]] = []
        self._path = path
        self._num_former = 0
        command = shlex.join(["python", f"benchmarks/{program}.py", *sys.argv[1:]])
        self.origin = {"kind": "origin", "command": command, **provenance()}

    def resume(self, lines: Sequence[dict[str, Any]]) -> None:
        """Keep the lines that the file has already."""
        self.lines = list(lines)
        self._num_former = len(self.lines)

    def forget(self, peer: str) -> None:
        """Leave out what the file had of a peer."""
        kept = [line for line in self.lines[: self._num_former] if line.get("peer") != peer]
        self.lines[: self._num_former] = kept
        self._num_former = len(kept)

    def say(self, line: str) -> None:
        """Report progress to people: plain lines, because a live display would use part of the processor."""
        click.echo(line, err=True)

    def add(self, kind: str, **values: Any) -> dict[str, Any]:
        """Add a line, and write the file; return the line."""
        if len(self.lines) == self._num_former:
            self._add(self.origin)
        line = {"kind": kind, **values}
        self._add(line)
        if self._path is not None:
            write_file(self._path, "".join(json.dumps(item, allow_nan=False) + "\n" for item in self.lines).encode())
        return line

    @contextmanager
    def missing_on(self, name: str) -> Iterator[None]:
        """Record a `PeerError` as the reason why something is missing, and continue."""
        try:
            yield
        except PeerError as error:
            self.say(f"missing: {name}: {error}")
            self.missing[name] = str(error)

    def finish(self) -> None:
        """Print a table of each kind of line for people, on standard error."""
        added = self.lines[self._num_former :] or self.lines
        for kind in dict.fromkeys(line["kind"] for line in added):
            rows = [{name: _shown(value) for name, value in line.items()} for line in added if line["kind"] == kind]
            shown = [name for name in dict.fromkeys(name for row in rows for name in row) if _is_shown(name, rows)]
            if kind == "origin" or len(rows) == 1:
                self.say("\n".join(f"{name}: {rows[0][name]}" for name in shown) + "\n")
            else:
                self.say(markdown_table([{name: row.get(name) or "" for name in shown} for row in rows]))
        for name, reason in self.missing.items():
            self.say(f"missing: {name}: {reason}")
        if not added:
            raise NextwordError("nothing could be measured; the reasons are above")

    def _add(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        click.echo(json.dumps(line, allow_nan=False))


@contextmanager
def reporting(program: str, path: Path | None = None) -> Iterator[Report]:
    """Yield the report of a script, finish it, and turn an error into a message and an exit code."""
    try:
        if path is not None and not path.absolute().parent.is_dir():
            raise SettingError(f"`{path}` must be in a folder that exists, but is not; create it first")
        report = Report(program, path)
        yield report
        report.finish()
    except NextwordError as error:
        click.echo(f"{program}: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo(f"{program}: interrupted", err=True)
        sys.exit(128 + signal.SIGINT)


json_option = click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="File for the lines of JSON."
)
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(0.1, 1e6),
    default=600.0,
    show_default=True,
    help="Seconds to wait for a program.",
)
pytorch_option = click.option(
    "--pytorch", metavar="PYTHON", help="A Python with PyTorch; otherwise NEXTWORD_PYTORCH, or one on the path."
)


def read_report(path: Path) -> list[dict[str, Any]]:
    """Return the lines that a benchmark wrote."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise SettingError(f"`{path}` must hold lines of JSON, but does not ({error})") from error
    if not all(isinstance(line, dict) and "kind" in line for line in lines):
        raise SettingError(f"`{path}` must hold the lines of a benchmark, each with its `kind`, but does not")
    return lines


def provenance() -> dict[str, Any]:
    """Return where, when and of what code a number is measured.

    `processor` has its name, the number of usable cores, and its features for matrix products. `commit` names
    nextword's code, with `-dirty` if it was changed since. `load` counts the processes that wanted a core, on average
    over the minute before; `is_busy` reports whether it was high.
    """
    processor, capacity = read_processor(), read_capacity()
    features = [name for name, has in processor.features.items() if has]
    return {
        "processor": ", ".join([processor.name, f"{capacity.cores} cores", *features]),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": capacity.load,
        "is_busy": capacity.load is not None and capacity.load > _MAX_IDLE_LOAD,
        "variables": {name: value for name, value in sorted(os.environ.items()) if name.startswith(_VARIABLES)},
    }


def commit() -> str | None:
    """Return the commit of the repository that holds nextword's code; `None` outside of it."""
    here = Path(nextword.__file__)
    try:
        _git(here, "ls-files", "--error-unmatch", here.name)  # an environment may be inside another repository
        return _git(here, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(file: Path, *arguments: str) -> str:
    command = ["git", "-C", str(file.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def quartiles(samples: Sequence[float]) -> tuple[float, float, float]:
    """Return the values that a quarter, half and three quarters of the samples do not exceed."""
    lower, median, upper = np.percentile(samples, [25, 50, 75])
    return float(lower), float(median), float(upper)


def ratio(over: float | None, under: float | None) -> float | None:
    """Return one number over another; `None` if one of the two is missing."""
    return over / under if over is not None and under else None


def markdown_table(rows: Sequence[Mapping[str, str]], headings: Sequence[str] | None = None) -> str:
    """Return a table in Markdown; empty without headings.

    Example:
        >>> print(markdown_table([{"a": "1", "b": "2"}]), end="")
        | a | b |
        | --- | --- |
        | 1 | 2 |
    """
    names = list(headings if headings is not None else rows[0] if rows else ())
    lines = [names, ["---"] * len(names), *([row.get(name, "") for name in names] for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines if cells)


def _is_shown(name: str, rows: Sequence[Mapping[str, str | None]]) -> bool:
    return name != "kind" and any(row.get(name) is not None for row in rows)


def _shown(value: Any) -> str | None:
    """Return a value as a table shows it; `None` for lists, and for tables with anything but numbers."""
    if isinstance(value, dict):
        is_flat = value and all(isinstance(item, int | float | None) for item in value.values())
        return ", ".join(f"{name} {_shown(item) or '-'}" for name, item in value.items()) if is_flat else None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
    if value is None or isinstance(value, list):
        return None
    return f"{value:,}" if isinstance(value, int) else str(value)
