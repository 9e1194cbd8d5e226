"""A `.keras` file, for use in Keras."""

import secrets
from pathlib import Path

from nextword.errors import SettingError
from nextword.models.language_model import LanguageModel
from nextword.storage.durable import disk_errors


def require_free_keras_path(path: Path) -> None:
    """Raise if no `.keras` file can be written.

    Raises:
        SettingError: The name does not end in `.keras`, something is there already, or the folder is missing.
    """
    if path.suffix != ".keras":
        raise SettingError(f"a file for Keras must end in `.keras`, but `{path}` does not; rename it")
    if path.exists(follow_symlinks=False):
        raise SettingError(f"`{path}` exists already; choose another name, or move it away")
    if not path.absolute().parent.is_dir():
        raise SettingError(f"`{path}` must be in a folder that exists, but its folder is missing; make it first")


def write_keras_file(path: Path, model: LanguageModel) -> None:
    """Save a model with Keras. `keras.saving.load_model` reads it after `from nextword import LanguageModel`.

    Raises:
        SettingError: See `require_free_keras_path`.
        StorageError: The disk refused. No file is left behind.
    """
    require_free_keras_path(path)
    partial = path.with_name(f".{path.stem}-{secrets.token_hex(6)}.keras")
    with disk_errors(path, "written"):
        try:
            model.save(partial)
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)
