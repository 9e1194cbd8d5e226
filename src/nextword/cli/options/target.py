"""What a command is pointed at: a run or a bundle."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from nextword.bundle.origin import SAMPLE_MODELS, Origin, is_model_at, sample_model_path
from nextword.bundle.store import identity_of
from nextword.cli.options.setting_option import (
    JsonOptions,
    argument,
    bad_bytes_of_splits_option,
    bad_bytes_option,
    data_dir_option,
    option,
)
from nextword.cli.output.messages import detail
from nextword.engine.opening import EngineName, open_model
from nextword.engine.text_model import LoadedModel, UsedMethod
from nextword.text.options import OnBadBytes

if TYPE_CHECKING:
    from nextword.bundle.origin_text import OriginText


def target_path(argument: str) -> Path:
    """Return the directory that an argument RUN_OR_MODEL names; the name of a sample model alone is that model."""
    return sample_model_path(argument) if argument in SAMPLE_MODELS else Path(argument)


class _RunOrModel(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return target_path(str(super().convert(value, param, ctx)))


def complete_model(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the sample models, runs and models that begin with what was typed; else the shell completes directories.

    The directory comes first, because bash forgets what comes before it.
    """
    candidates = [*SAMPLE_MODELS, *(str(path) for path in _beginning_with(typed) if is_model_at(path))]
    models = [CompletionItem(name) for name in dict.fromkeys(candidates) if name.startswith(typed)]
    return [CompletionItem(typed, type="dir"), *models]


def _beginning_with(typed: str) -> list[Path]:
    """Return the paths that continue what was typed, and those in the folder of runs."""
    from nextword.cli.options.run_options import runs_folder  # here, for it would slow the start of all commands

    parent = Path(typed) if typed.endswith("/") else Path(typed).parent
    candidates: list[Path] = []
    for folder in dict.fromkeys((parent, runs_folder())):
        with suppress(OSError, ValueError):
            candidates += sorted(folder.iterdir())
    return candidates


def complete_directory(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Let the shell complete a directory."""
    return [CompletionItem(typed, type="dir")]


def run_or_model_argument() -> Any:
    """Return the field of RUN_OR_MODEL, a path."""
    return argument(type=_RunOrModel(), complete=complete_model)


def split_option() -> Any:
    """Return the field of `--split`: a split of a text, or all of it."""
    default = "test of the text of the run, all of another file"
    return option(None, help="Split of the text to read.", unset=default)


def engine_option() -> Any:
    """Return the field of `--engine`, which `engine_name` reads."""
    help_text = "What runs the model. auto: onnx if model.onnx and onnxruntime are available, else keras."
    return option("auto", help=help_text, is_rare=True)


def engine_name() -> EngineName:
    """Return the engine that `--engine` names in the command that runs."""
    context = click.get_current_context(silent=True)
    name: EngineName = context.params.get("engine", "auto") if context else "auto"
    return name


def method_option() -> Any:
    """Return the field of `--method` for a command that answers with a model."""
    help_text = (
        "What answers. mixture: the network with the n-grams and cache of the model, if any. static: the network."
    )
    return option("mixture", help=help_text, is_rare=True)


def open_origin(origin: Origin, method: UsedMethod = "mixture") -> LoadedModel:
    """Start a model, by the engine that `--engine` names in the command that runs."""
    began = time.monotonic()
    model = open_model(origin.bundle, engine_name(), method=method)
    detail(f"opened {origin.bundle} with {model.run_by} in {time.monotonic() - began:.2f} s")
    return model


@dataclass(frozen=True, kw_only=True)
class AnswerOptions(JsonOptions):
    """The options of a command that answers with a model."""

    run_or_model: Path = run_or_model_argument()
    on_bad_bytes: OnBadBytes = bad_bytes_option()
    method: UsedMethod = method_option()
    engine: EngineName = engine_option()

    def open_model(self) -> LoadedModel:
        """Start the model of a run or a bundle."""
        return open_origin(Origin.of(self.run_or_model), self.method)

    @property
    def model_identity(self) -> str:
        """The name of the model and the first digits of its SHA-256; see `identity_of`."""
        return identity_of(Origin.of(self.run_or_model).bundle, with_mixture=self.method == "mixture")


@dataclass(frozen=True, kw_only=True)
class OriginTextOptions(JsonOptions):
    """The options of a command that reads a text for a model: by default, the text of its run."""

    run_or_model: Path = run_or_model_argument()
    text: str | None = argument(None)
    data_dir: Path | None = data_dir_option()
    on_bad_bytes: OnBadBytes | None = bad_bytes_of_splits_option()

    @property
    def origin_text(self) -> "OriginText":
        """The model, and the text to read for it."""
        from nextword.bundle.origin_text import OriginText  # here, for it would slow the start of all commands

        return OriginText(Origin.of(self.run_or_model), self.text, self.data_dir, self.on_bad_bytes)
