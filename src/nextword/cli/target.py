"""What a command is pointed at: a run or a bundle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from nextword.bundle.store import model_path
from nextword.engine.opening import EngineName, open_model
from nextword.engine.text_model import TrainedModel
from nextword.errors import BundleError
from nextword.storage.manifest import MANIFEST_NAME
from nextword.text.options import OnBadBytes, TextOptions
from nextword.training.run_directory import RunDirectory

SplitOrAll = Literal["train", "valid", "test", "all"]

_ENGINE = "nextword.engine"

run_or_model_argument = click.argument("run_or_model", type=click.Path(path_type=Path))

data_dir_option = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of sample corpora; else NEXTWORD_DATA."
)

split_option = click.option(
    "--split", type=click.Choice(["train", "valid", "test", "all"]), default="test", show_default=True
)


def engine_option[Function: Callable[..., Any]](function: Function) -> Function:
    """Give a command the option `--engine`, which `Target.open` reads."""
    return click.option(
        "--engine",
        type=click.Choice(["auto", "onnx", "keras"]),
        default="auto",
        show_default=True,
        expose_value=False,
        callback=lambda context, _parameter, value: context.meta.update({_ENGINE: value}),
        help="What runs the model; auto: model.onnx and onnxruntime where both are there, else Keras.",
    )(function)


def chosen_engine() -> EngineName:
    """Return what `--engine` says in the command that runs, `auto` where it has no such option."""
    context = click.get_current_context(silent=True)
    name: EngineName = context.meta.get(_ENGINE, "auto") if context else "auto"
    return name


@dataclass(frozen=True)
class Target:
    """A model on disk, and the text that belongs to it.

    Attributes:
        bundle: The directory of the bundle.
        text: The text that the model was trained on, where the run says so.
        options: How that text was read.
        text_sha256: What that text was then: SHA-256 of its splits' own.
        on_bad_bytes: What any text's bad bytes come to; as `options` have it where `None`.
    """

    bundle: Path
    text: str | None = None
    options: TextOptions = TextOptions()
    text_sha256: str | None = None
    on_bad_bytes: OnBadBytes | None = None

    @classmethod
    def of(cls, path: Path, *, on_bad_bytes: OnBadBytes | None = None) -> "Target":
        """Return what lies at `path`: the directory of a run, or a bundle.

        Args:
            path: The directory.
            on_bad_bytes: As the attribute.

        Raises:
            BundleError: There is nothing, or a run without a model.
        """
        try:
            is_directory = path.is_dir()
        except OSError as error:
            raise BundleError(
                f"`{path}` must be the directory of a run or a model, but cannot be read: {error.strerror or error}"
            ) from error
        if not is_directory:
            raise BundleError(f"`{path}` must be the directory of a run or a model, but there is no such directory")
        directory = RunDirectory(path)
        if not directory.is_run:
            if not (path / MANIFEST_NAME).is_file():
                raise BundleError(f"`{path}` must be the directory of a run or a model, but holds neither")
            return cls(path, on_bad_bytes=on_bad_bytes)
        bundle, config = model_path(path), directory.read_config()
        origin = config.origin
        return cls(bundle, origin.get("text_path"), config.text, origin.get("text_sha256"), on_bad_bytes)

    @staticmethod
    def is_at(path: Path) -> bool:
        """Return whether the directory of a run or a bundle lies at `path`, sound or not."""
        return path.is_dir() and (RunDirectory(path).is_run or (path / MANIFEST_NAME).is_file())

    def open(self) -> TrainedModel:
        """Start the model, by the engine that `--engine` names."""
        return open_model(self.bundle, chosen_engine())


def targets_of(arguments: Sequence[str], *, on_bad_bytes: OnBadBytes | None = None) -> tuple[list[Target], str | None]:
    """Return the runs and models that a command line begins with, and the text that may end it.

    The first argument is a model; the last of several is one where it lies in a directory, and else the text.

    Raises:
        BundleError: A path holds no model.
    """
    paths, text = list(arguments), None
    if len(paths) > 1 and not Target.is_at(Path(paths[-1])):
        text = paths.pop()
    return [Target.of(Path(path), on_bad_bytes=on_bad_bytes) for path in paths], text
