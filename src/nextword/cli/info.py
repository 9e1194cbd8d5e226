"""`nextword info`: what is in this directory, how good is it, and how is it used?"""

import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from rich.markdown import Markdown

from nextword.bundle.files import CARD, BundleConfig
from nextword.bundle.mixture import MixtureFacts
from nextword.bundle.model_card import SplitMetrics, figures_table, mixture_facts, network_facts
from nextword.bundle.origin import model_path, require_model_at, sample_model_name
from nextword.bundle.run_directory import LOG_FILE, RunDirectory, read_split_metrics
from nextword.bundle.store import read_card, read_config, read_mixture
from nextword.cli.options.command import command
from nextword.cli.options.setting_option import JsonOptions, option
from nextword.cli.options.target import run_or_model_argument
from nextword.cli.output.console import Console
from nextword.display.table import table_lines
from nextword.errors import SettingError, printable
from nextword.model.architecture import ModelOptions
from nextword.training.base import card_rows
from nextword.training.config import RunConfig
from nextword.training.progress import RoundRecord
from nextword.training.report.history import read_log
from nextword.training.report.progress_display import clock


@dataclass(frozen=True, kw_only=True)
class _InfoOptions(JsonOptions):
    run_or_model: Path = run_or_model_argument()
    card: bool = option(False, help="Print the model card, in Markdown.")


@command(
    _InfoOptions,
    examples=["nextword info austen", "nextword info austen --card", "nextword info runs/demo --json"],
)
def info(options: _InfoOptions) -> None:
    """Show a model or a run: figures, files, how to use it.

    RUN_OR_MODEL is a directory. A run may be in progress. The weights are not read, and no training framework is
    needed.
    """
    path = options.run_or_model
    if options.card and options.as_json:
        raise SettingError("`--card` prints Markdown and must not go with `--json`; leave one out")
    if options.card:
        click.echo("\n".join(map(printable, read_card(model_path(path)).splitlines())))
        return
    model_info = ModelInfo.of(path)
    if options.as_json:
        click.echo(json.dumps(model_info.to_table(), allow_nan=False))
    else:
        model_info.print()


@dataclass(frozen=True)
class ModelInfo:
    """What a directory of a run or a bundle holds."""

    path: Path
    run: RunConfig | None  # the settings of the run; `None` for a bundle alone
    model: BundleConfig | None  # what the bundle says that it is; `None` for a run that has not finished
    mixture: MixtureFacts | None  # what the bundle mixes with the network; `None` for the network alone
    options: ModelOptions  # what the network is; an `Architecture` once the vocabulary is known
    rounds: Sequence[RoundRecord]
    metrics: Sequence[SplitMetrics]  # the figures of the run, a row for each split
    files: Mapping[str, int]  # number of bytes of each file, checkpoints taken together

    @classmethod
    def of(cls, path: Path) -> "ModelInfo":
        """Read what is at `path`, except for the weights."""
        require_model_at(path)
        directory, files = RunDirectory(path), _files(path)
        if not directory.is_run:
            model = read_config(path)
            return cls(path, None, model, read_mixture(path), model.architecture, (), (), files)
        run = RunConfig.of_run(directory)
        has_model = directory.model.is_dir()
        bundle = read_config(directory.model) if has_model else None
        mixture = read_mixture(directory.model) if has_model else None
        rounds, metrics = read_log(path / LOG_FILE), read_split_metrics(directory.metrics_file)
        return cls(path, run, bundle, mixture, bundle.architecture if bundle else run.model, rounds, metrics, files)

    @cached_property
    def commands(self) -> list[str]:
        """Command lines to use the model, or to resume the run and to end it if a round has ended."""
        path = sample_model_name(self.path) or shlex.quote(str(self.path))
        if self.model is None:
            finish = [f"nextword train --finish {path}"] if self.rounds else []
            return [f"nextword train --resume {path}", *finish]
        return commands_for(self.path)

    @cached_property
    def progress(self) -> dict[str, Any] | None:
        """The last round, with number and perplexity of the best; `None` before the first has ended."""
        if not self.rounds:
            return None
        best = min(self.rounds, key=lambda record: record.valid_perplexity)
        return {**asdict(self.rounds[-1]), "best_round": best.round, "best_valid_perplexity": best.valid_perplexity}

    def to_table(self) -> dict[str, Any]:
        """Return everything for JSON; what is not known is `None`."""
        model = self.model
        num_ngrams = dict(enumerate(self.mixture.num_ngrams, 2)) if self.mixture else {}
        return {
            "path": str(self.path),
            "kind": "run" if self.run else "model",
            "finished": model is not None,
            "name": model and model.name,
            "num_parameters": model and model.architecture.num_parameters,
            "model": self.options.to_table(),
            "tokenizer": model and model.tokenizer.to_table(),
            "mixture": self.mixture and {"settings": self.mixture.settings.to_table(), "num_ngrams": num_ngrams},
            "origin": self.run and dict(self.run.origin),
            "progress": self.progress,
            "splits": [asdict(row) for row in self.metrics],
            "files": dict(self.files),
            "commands": self.commands,
        }

    def print(self) -> None:
        """Print everything for a person."""
        console = Console(highlight=False, soft_wrap=True)
        for line in table_lines((name, printable(value)) for name, value in self._facts().items()):
            console.print(line, markup=False)
        if self.metrics:
            console.print(Markdown(figures_table(self.metrics)), soft_wrap=False)
        console.print("\nfiles")
        for name, size in self.files.items():
            console.print(f"{_size(size):>12}  {printable(name)}", markup=False)
        resume = "\nresume, or end at the best round" if self.rounds else "\nresume"
        console.print("\nuse" if self.model else resume)
        for line in self.commands:
            console.print(f"  {printable(line)}", markup=False)

    def _facts(self) -> dict[str, str]:
        facts = dict[str, str]()
        if self.model:
            facts["model"] = self.model.name
        if self.run:
            facts["run"] = "finished" if self.model else "not finished"
            facts["preset"] = self.run.origin.get("preset", "none")
            facts["trained on"] = self.run.origin.get("text_path", "unknown")
            facts |= card_rows(self.run)
            facts["progress"] = self._progress()
        facts |= network_facts(self.options, self.model.tokenizer.kind if self.model else "")
        if self.model:
            facts["<eos>"] = f"at the end of each {self.model.tokenizer.line_ends}"
            if self.mixture:
                facts["as used"] = "mixes what follows with the network, unless the method is static"
                facts |= mixture_facts(self.mixture)
            facts["model card"] = str((RunDirectory(self.path).model if self.run else self.path) / CARD)
        if not self.metrics:
            path = sample_model_name(self.path) or shlex.quote(str(self.path))
            facts["figures"] = f"in the model card: nextword info {path} --card" if self.model else "none yet"
        return facts

    def _progress(self) -> str:
        if self.progress is None:
            return "no round has ended yet"
        return (
            "round {round:,}, step {step:,}, epoch {epoch:.2f} after {time}; best valid perplexity "
            "{best_valid_perplexity:,.2f}, in round {best_round:,}"
        ).format(time=clock(self.progress["seconds"]), **self.progress)


def commands_for(path: Path) -> list[str]:
    """Return command lines to use the model at a path."""
    name = sample_model_name(path) or shlex.quote(str(path))
    return [
        f'nextword suggest {name} "the text so far" -k 5',
        f'nextword generate {name} --prompt "Once upon a time" --max-tokens 50',
    ]


def _files(root: Path) -> dict[str, int]:
    """Return the number of bytes of each file, those of checkpoints added up; links and hidden files are left out."""
    sizes: dict[str, int] = {}
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        # A run in progress may remove a file between two looks.
        with suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in parts):
                name = "checkpoints/" if parts[0] == "checkpoints" else "/".join(parts)
                sizes[name] = sizes.get(name, 0) + path.stat().st_size
    return sizes


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.1f} MB" if num_bytes >= 1e5 else f"{num_bytes / 1e3:.1f} kB"
