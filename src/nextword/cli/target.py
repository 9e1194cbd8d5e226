"""What a command is pointed at: a run or a bundle, and a text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from nextword.bundle.store import model_path
from nextword.errors import BundleError, SettingError, TextError
from nextword.storage.manifest import MANIFEST_NAME
from nextword.text.options import OnBadBytes, TextOptions
from nextword.training.run_directory import RunDirectory

if TYPE_CHECKING:
    from nextword.bundle.bundle import Bundle
    from nextword.engine.opening import EngineName
    from nextword.engine.trained_model import TrainedModel
    from nextword.text.token_store import TokenStore

SplitOrAll = Literal["train", "valid", "test", "all"]

_ENGINE = "nextword.engine"


def engine_option[Function: Callable[..., Any]](function: Function) -> Function:
    """Give a command the option `--engine`, which `Target.open` obeys."""
    return click.option(
        "--engine",
        type=click.Choice(["auto", "onnx", "keras"]),
        default="auto",
        show_default=True,
        expose_value=False,
        callback=lambda context, _parameter, value: context.meta.update({_ENGINE: value}),
        help="What runs the model; auto: model.onnx and onnxruntime where both are there, else Keras.",
    )(function)


def chosen_engine() -> "EngineName":
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

    def open(self) -> "TrainedModel":
        """Start the model, by the engine that `--engine` names."""
        from nextword.engine.opening import open_model

        return open_model(self.bundle, chosen_engine())

    def text_read(self, text: str | None) -> tuple[str | None, TextOptions]:
        """Return what is read where `text` is named, and how: the model's own is split as it was in training."""
        from nextword.text.source import stored_name

        is_own = text is None or (self.text is not None and stored_name(text) == self.text)
        named, options = (self.text, self.options) if is_own else (text, TextOptions())
        return named, options.replace(on_bad_bytes=self.on_bad_bytes) if self.on_bad_bytes else options

    def load_split(
        self, text: str | None, split: SplitOrAll, model: "TrainedModel | Bundle", data_dir: Path | None
    ) -> "TokenStore":
        """Return a split of `text`, or of the text that the model was trained on.

        Raises:
            SettingError: No text was given, and none is known.
            TextError: None was given, and what the model was trained on has changed since, so that its splits would
                not be those of the training.
        """
        from nextword.text.corpus import Corpus

        source, options = self.text_read(text)
        if source is None:
            raise SettingError(f"TEXT must be given: `{self.bundle}` is a bundle, and does not hold its text")
        if text is None and self.text_sha256 is not None:
            _require_unchanged(source, options, self.text_sha256, data_dir)
        return Corpus.load_split(source, split, model.tokenizer, options, data_dir=data_dir)

    def part_of_file(self, text: str | None, split: SplitOrAll, data_dir: Path | None) -> str | None:
        """Return in words which part of a file `load_split` reads, or `None` where it reads all of one."""
        from nextword.text.reader import TextRange
        from nextword.text.source import resolve_source

        source, options = self.text_read(text)
        if source is None or split == "all":
            return None
        part = resolve_source(source, options, needed=(split,), data_dir=data_dir).parts[split]
        share = part.num_bytes / TextRange.whole(part.path).num_bytes
        if share == 1:
            return None
        said = f"read was the {split} split of `{part.path.name}`, {share:.1%} of it"
        return said if source == self.text else f"{said}; --split all reads the whole file"


@cache
def _require_unchanged(text: str, options: TextOptions, sha256: str, data_dir: Path | None) -> None:
    from nextword.text.corpus import joined_sha256
    from nextword.text.source import SPLITS, resolve_source

    parts = resolve_source(text, options, data_dir=data_dir).parts
    train, valid, test = (parts[split] for split in SPLITS)
    if sha256 not in (joined_sha256(train, valid, test), joined_sha256(train, valid)):  # trials know no test split
        raise TextError(
            f"`{text}` must be as it was when the model was trained on it, but has changed since, and its splits with "
            "it; put it back, or name as TEXT what is to be read"
        )


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
