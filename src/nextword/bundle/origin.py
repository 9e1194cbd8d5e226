"""Where a model is, by the name or the path that a person gives, and where it comes from: its run and its text.

Commands, Python, the service and the page all ask here.
"""

import atexit
import importlib.resources
import shlex
from codecs import BOM_UTF8
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Self

from nextword.bundle.files import CONFIG
from nextword.errors import BundleError, CheckpointError, SettingError, TextError
from nextword.system.manifest import MANIFEST_NAME
from nextword.text.options import TextOptions
from nextword.text.reading.packing import unpacked_blocks

MODEL_FOLDER = "model"
"""The directory of the bundle inside a run directory."""

CONFIG_FILE = "config.toml"
"""The settings of a run. A directory that holds this file is a run directory."""

SAMPLE_MODELS = ("austen",)
"""The names of the sample models. Each is trained on the sample text of the same name."""

SAMPLE_LICENSES = {"austen": "the text is in the public domain"}
"""What the model card of a model that starts from a sample says about its rights."""

_MAX_CONFIG_BYTES = 2**20


@cache
def sample_model_path(name: str) -> Path:
    """Return the directory of a sample model. If the package is an archive, it is unpacked until the program ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(
        importlib.resources.as_file(importlib.resources.files("nextword.bundle") / "samples" / name)
    )


def sample_model_name(path: Path) -> str | None:
    """Return the name of the sample model in a directory, or `None` if the directory holds another model."""
    resolved = path.resolve()
    return next((name for name in SAMPLE_MODELS if sample_model_path(name).resolve() == resolved), None)


def refuse_sample(path: Path) -> None:
    """Refuse to write into the directory of a sample model."""
    if name := sample_model_name(path):
        raise BundleError(f"the sample model `{name}` is part of nextword and is read-only; choose another directory")


_RULE = "must be the directory of a run or a model"
"""What a model must be, for errors."""


def find_model(name: str | Path) -> Path:
    """Return the directory of the bundle that a person names.

    Args:
        name: The directory of a run or a bundle, or the name of a sample model such as `"austen"`. A directory with
            the name of a sample model is written `"./austen"` or given as a `Path`.

    Raises:
        BundleError: There is no such directory, or the run has no model yet.
    """
    if name in SAMPLE_MODELS:
        return sample_model_path(str(name))
    path = Path(name)
    require_directory(path)
    return model_path(path)


def require_directory(path: Path) -> None:
    """Raise `BundleError` unless a directory is at the path of a run or a model."""
    rule = f"`{path}` {_RULE}"
    try:
        if path.is_dir():
            return
        if path.is_file():
            raise BundleError(f"{rule}, but is a file; {_use_of_file(path)}")
    except (OSError, ValueError) as error:  # a ValueError for a name with a NUL in it
        raise BundleError(f"{rule}, but cannot be read: {getattr(error, 'strerror', None) or error}") from error
    raise BundleError(f"{rule}, but there is no such directory; {_similar_model(path)}")


def _similar_model(path: Path) -> str:
    """Return the repair for a path without a model: the run or the model with the nearest name."""
    samples = SAMPLE_MODELS if len(path.parts) == 1 else ()
    try:
        names = [*samples, *(other.name for other in path.parent.iterdir() if _holds_model(other))]
    except (OSError, ValueError):
        names = [*samples]
    near = get_close_matches(path.name, names, n=1)
    return f"did you mean `{path.with_name(near[0])}`?" if near else f"sample models: {', '.join(SAMPLE_MODELS)}"


def _holds_model(path: Path) -> bool:
    return any((path / name).is_file() for name in (CONFIG_FILE, CONFIG))


def _use_of_file(path: Path) -> str:
    if _holds_model(path.parent):
        return f"did you mean `{path.parent}`?"
    if is_arpa(path):
        return "an ARPA file holds no network; KenLM and decoders read it"
    return f"to train a model on a text, run `nextword train {shlex.quote(str(path))}`"


def is_arpa(path: Path) -> bool:
    """Return whether a path is an ARPA file, packed or not."""
    with suppress(TextError, OSError, ValueError):
        return path.is_file() and b"\\data\\" in next(unpacked_blocks(path), b"").removeprefix(BOM_UTF8).splitlines()
    return False


def model_path(path: Path) -> Path:
    """Return the directory of the bundle of a run, or the path itself if it is not a run."""
    if not (path / CONFIG_FILE).is_file():
        return path
    if not (path / MODEL_FOLDER).is_dir():
        raise BundleError(
            f"the run in `{path}` must have finished, but has no model yet; resume it with "
            f"`nextword train --resume {shlex.quote(str(path))}`"
        )
    return path / MODEL_FOLDER


@dataclass(frozen=True)
class Origin:
    """A model on disk, and where it comes from."""

    bundle: Path
    run: Path | None = None  # the directory of its run; `None` if it is not in one
    # The text that it was trained on, as it is found from any folder; `None` if that is not known.
    text: str | None = None
    options: TextOptions = TextOptions()  # how that text was read
    # What that text was then: SHA-256 of its splits' own; `None` for a sample, which does not change.
    text_sha256: str | None = None

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the origin of what a person names: a run, or a bundle, which is taken for itself even within a run.

        Raises:
            BundleError: There is nothing, or a run without a model.
            CheckpointError: The settings of the run are damaged.
        """
        if sample := sample_model_name(path):
            return cls(path, text=sample)
        require_model_at(path)
        return cls.of_run(path) if is_run(path) else cls(path)

    @classmethod
    def of_bundle(cls, bundle: Path) -> Self:
        """Return the origin of a bundle, with the run that it is in. A run whose settings are damaged has no text."""
        if sample := sample_model_name(bundle):
            return cls(bundle, text=sample)
        run = bundle if (bundle / CONFIG_FILE).is_file() else run_of(bundle)
        try:
            return cls(bundle) if run is None else replace(cls.of_run(run), bundle=bundle)
        except (BundleError, CheckpointError):
            return cls(bundle, run)

    @classmethod
    def of_run(cls, run: Path) -> Self:
        """Return the origin of the model of a run.

        Raises:
            BundleError: The run has no model yet.
            CheckpointError: The settings of the run are damaged.
        """
        import tomllib  # a suggestion of a sample model needs no TOML

        bundle = model_path(run)
        path = run / CONFIG_FILE
        try:
            with path.open("rb") as file:
                tables = tomllib.loads(file.read(_MAX_CONFIG_BYTES).decode("utf-8"))
            origin, options = tables.get("origin", {}), TextOptions.from_table(tables.get("text", {}))
            return cls(bundle, run, origin.get("text_path"), options, origin.get("text_sha256"))
        except (OSError, ValueError, AttributeError, TypeError, SettingError) as error:
            raise CheckpointError(f"`{path}` must hold the settings of a run, but is damaged ({error})") from error


def run_of(bundle: Path) -> Path | None:
    """Return the directory of the run that a bundle is in; `None` if it is in none."""
    path = bundle if bundle.name == MODEL_FOLDER else bundle.resolve()  # a link may have another name
    return path.parent if path.name == MODEL_FOLDER and (path.parent / CONFIG_FILE).is_file() else None


def is_model_at(path: Path) -> bool:
    """Return whether the directory of a run or a bundle is at `path`, sound or not."""
    return path.is_dir() and (is_run(path) or (path / MANIFEST_NAME).is_file())


def require_model_at(path: Path) -> None:
    """Raise `BundleError` unless the directory of a run or a bundle is at `path`."""
    require_directory(path)
    if not is_model_at(path):
        raise BundleError(f"`{path}` must be the directory of a run or a model, but contains neither")


def is_run(path: Path) -> bool:
    """Return whether a directory is that of a run."""
    return (path / CONFIG_FILE).is_file()
