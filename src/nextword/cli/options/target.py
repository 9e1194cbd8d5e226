"""What a command is pointed at: a run or a bundle."""

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click
from click.shell_completion import CompletionItem

from nextword.bundle.run_directory import RunDirectory
from nextword.bundle.samples import SAMPLE_MODELS, sample_model_name, sample_model_path
from nextword.bundle.store import identity_of, is_arpa, model_path, require_directory
from nextword.cli.output.messages import detail
from nextword.disk.manifest import MANIFEST_NAME
from nextword.engine.opening import ENGINES, EngineName, open_model
from nextword.engine.text_model import LoadedModel, TextModel
from nextword.errors import BundleError
from nextword.text.options import TextOptions
from nextword.training.config import RunConfig

SplitOrAll = Literal["train", "valid", "test", "all"]

_ENGINE = "nextword.engine"


def target_path(argument: str) -> Path:
    """Return the directory that an argument RUN_OR_MODEL names; the name of a sample model alone is that model."""
    return sample_model_path(argument) if argument in SAMPLE_MODELS else Path(argument)


class _RunOrModel(click.Path):
    """The directory of a run or a model, or the name of a sample model."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return target_path(str(super().convert(value, param, ctx)))


def complete_model(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the sample models, runs and models that begin with what was typed; else the shell completes directories.

    The directory comes first, because bash forgets what comes before it.
    """
    found = [*SAMPLE_MODELS, *(str(path) for path in _beginning_with(typed) if Target.is_at(path))]
    models = [CompletionItem(name) for name in dict.fromkeys(found) if name.startswith(typed)]
    return [CompletionItem(typed, type="dir"), *models]


def _beginning_with(typed: str) -> list[Path]:
    """Return the paths that continue what was typed, and those in the folder of runs."""
    from nextword.cli.options.run_options import runs_folder  # here, for it would slow the start of all commands

    parent = Path(typed) if typed.endswith("/") else Path(typed).parent
    found: list[Path] = []
    for folder in dict.fromkeys((parent, runs_folder())):
        with suppress(OSError, ValueError):
            found += sorted(folder.iterdir())
    return found


def complete_directory(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Let the shell complete a directory."""
    return [CompletionItem(typed, type="dir")]


def open_text_model(path: Path) -> TextModel:
    """Start the model of a run or a bundle, or read an ARPA file.

    Raises:
        BundleError: There is no sound model.
        TextError: The ARPA file is damaged.
    """
    if not is_arpa(path):
        return Target.of(path).open()
    from nextword.engine.methods.ngram import arpa_model  # here, for it would slow the start of all commands

    return arpa_model(path)


def identity_at(path: Path) -> str:
    """Return the name of the model at `path` and the first digits of its SHA-256; see `identity_of`."""
    if not is_arpa(path):
        return identity_of(Target.of(path).bundle)
    with path.open("rb") as file:
        return f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"


run_or_model_argument = click.argument("run_or_model", type=_RunOrModel(), shell_complete=complete_model)

split_option = click.option(
    "--split",
    type=click.Choice(["train", "valid", "test", "all"]),
    help="Split of the text to read.",
    show_default="test of the text of the run, all of another file",
)


engine_option = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    expose_value=False,
    callback=lambda context, _parameter, value: context.meta.update({_ENGINE: value}),
    help="What runs the model. auto: onnx if model.onnx and onnxruntime are available, else keras.",
)
"""The option `--engine`, which `Target.open` reads."""


def engine_name() -> EngineName:
    """Return the engine that `--engine` names in the command that runs."""
    context = click.get_current_context(silent=True)
    name: EngineName = context.meta.get(_ENGINE, "auto") if context else "auto"
    return name


@dataclass(frozen=True)
class Target:
    """A model on disk, and the text that belongs to it.

    Attributes:
        bundle: The directory of the bundle.
        text: The text that the model was trained on, if the run says so.
        options: How that text was read.
        text_sha256: What that text was then: SHA-256 of its splits' own.
    """

    bundle: Path
    text: str | None = None
    options: TextOptions = TextOptions()
    text_sha256: str | None = None

    @classmethod
    def of(cls, path: Path) -> "Target":
        """Return what is at `path`: the directory of a run, or a bundle.

        Raises:
            BundleError: There is nothing, or a run without a model.
        """
        if sample := sample_model_name(path):
            return cls(path, text=sample)
        cls.require_at(path)
        directory = RunDirectory(path)
        if not directory.is_run:
            return cls(path)
        bundle, config = model_path(path), RunConfig.of_run(directory)
        return cls(bundle, config.origin.get("text_path"), config.text, config.origin.get("text_sha256"))

    @staticmethod
    def is_at(path: Path) -> bool:
        """Return whether the directory of a run or a bundle is at `path`, sound or not."""
        return path.is_dir() and (RunDirectory(path).is_run or (path / MANIFEST_NAME).is_file())

    @staticmethod
    def require_at(path: Path) -> None:
        """Raise unless the directory of a run or a bundle is at `path`.

        Raises:
            BundleError: Neither is.
        """
        require_directory(path)
        if not Target.is_at(path):
            raise BundleError(f"`{path}` must be the directory of a run or a model, but contains neither")

    def open(self) -> LoadedModel:
        """Start the model, by the engine that `--engine` names in the command that runs."""
        began = time.monotonic()
        model = open_model(self.bundle, engine_name())
        detail(f"opened {self.bundle} with {model.run_by} in {time.monotonic() - began:.2f} s")
        return model


def complete_methods(_context: click.Context, _option: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the methods that may come last, after those that were typed before a comma."""
    from nextword.engine.methods.chain import METHODS, STATIC

    before, comma, last = typed.rpartition(",")
    names = [name for name in METHODS if name not in before.split(",")] if comma else [STATIC, *METHODS]
    return [CompletionItem(f"{before}{comma}{name}") for name in names if name.startswith(last)]
