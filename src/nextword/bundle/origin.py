"""Where a model comes from: its run, and the text that it was trained on.

Commands, Python, the service and the page all ask here.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from nextword.bundle.run_directory import RunDirectory
from nextword.bundle.samples import sample_model_name
from nextword.bundle.store import CONFIG_FILE, MODEL_FOLDER, model_path, require_directory
from nextword.errors import BundleError, CheckpointError, SettingError
from nextword.system.manifest import MANIFEST_NAME
from nextword.text.options import TextOptions

_MAX_CONFIG_BYTES = 2**20


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
        return cls.of_run(path) if RunDirectory(path).is_run else cls(path)

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
    return path.is_dir() and (RunDirectory(path).is_run or (path / MANIFEST_NAME).is_file())


def require_model_at(path: Path) -> None:
    """Raise `BundleError` unless the directory of a run or a bundle is at `path`."""
    require_directory(path)
    if not is_model_at(path):
        raise BundleError(f"`{path}` must be the directory of a run or a model, but contains neither")
