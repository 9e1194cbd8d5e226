"""Checkpoints that survive a crash, a full disk and a flipped bit."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from nextword.errors import CheckpointError, StorageError
from nextword.system import sealed_directory
from nextword.system.files import disk_errors, make_directory

type JSON = bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None
type Arrays = Mapping[str, np.ndarray[Any, Any]]

_NUM_KEPT = 2  # one must remain while the other is replaced
_ARRAYS = "arrays.safetensors"
_STATE = "state.json"
_FORMAT = 1
_STEP_NAME = re.compile(r"step-([0-9]{10})")
_INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_DTYPES = ("bool", *_INTEGERS, "float16", "float32", "float64")


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a run needs to resume after a step."""

    step: int
    arrays: Arrays
    state: Mapping[str, Any]  # all other values, as JSON
    best_step: int | None  # the best step so far; `None` if there was none yet


class CheckpointStore:
    """The checkpoints of one run, each a sealed directory `step-0000001234`.

    The store keeps the two newest valid checkpoints, and the best checkpoint that each of them names. So the best
    remains even if the newest is lost. Checkpoints are ordered by step, not by time. The store skips a damaged
    checkpoint and ignores other files; `warn` receives each of these once.

    Reading takes no lock and changes nothing. To save, hold the `run_lock`.
    """

    def __init__(self, root: Path, warn: Callable[[str], object] = lambda _message: None) -> None:
        self.root = root
        self._warn = warn
        self._warnings: set[str] = set()
        self._best_steps: dict[int, int | None] = {}  # of the checkpoints known to be valid

    def save(self, step: int, arrays: Arrays, state: Mapping[str, JSON], *, best: bool = False) -> Path:
        """Write a checkpoint to the disk, then remove the old ones.

        Raises:
            CheckpointError: `step` is before the newest, or an array or a value cannot be stored exactly.
            StorageError: The checkpoint cannot be written; all earlier checkpoints are intact.
        """
        path = self._path(step)
        with disk_errors(self.root, "created"):
            make_directory(self.root)
        sealed_directory.remove_leftovers(self.root)
        newest = next(self._valid_steps(), None)
        if newest is not None and step < newest:
            raise CheckpointError(
                f"`step` must be at least {newest}, the newest in `{self.root}`, but is {step}; resume from the newest"
            )
        best_step = None if newest is None else self._best_steps[newest]
        if best:
            best_step = step
        files = {_ARRAYS: _encode_arrays(arrays), _STATE: _encode_state(step, best_step, state)}
        sealed_directory.write(path, files, replace=True)
        self._best_steps[step] = best_step
        self._prune()
        return path

    def newest(self) -> Checkpoint | None:
        """Return the valid checkpoint of the highest step, or `None` if there is none."""
        loaded = (self._load(step) for step in self._steps())
        return next((checkpoint for checkpoint in loaded if checkpoint is not None), None)

    def best(self) -> Checkpoint | None:
        """Return the best checkpoint, which the newest one names; `None` if there is none or it is damaged."""
        newest = next(self._valid_steps(), None)
        best_step = None if newest is None else self._best_steps[newest]
        return None if best_step is None else self._load(best_step)

    def _path(self, step: int) -> Path:
        if not 0 <= step < 10**10:
            raise CheckpointError(f"`step` must be between 0 and {10**10 - 1}, but is {step}; correct it")
        return self.root / f"step-{step:010d}"

    def _steps(self) -> list[int]:
        """Return the steps that have a directory, valid or not, highest first."""
        names = sealed_directory.names(self.root) if self.root.is_dir() else []
        for name in names:
            if not _STEP_NAME.fullmatch(name):
                self._warn_once(f"`{self.root / name}` is not a checkpoint and is ignored")
        return sorted((int(match[1]) for name in names if (match := _STEP_NAME.fullmatch(name))), reverse=True)

    def _valid_steps(self) -> Iterator[int]:
        """Yield the steps with a valid checkpoint, highest first; the store reads each checkpoint once."""
        for step in self._steps():
            if step in self._best_steps or self._load(step) is not None:
                yield step

    def _load(self, step: int) -> Checkpoint | None:
        """Return a checkpoint, or `None` with a warning if it is damaged."""
        try:
            checkpoint = _read(self._path(step), step)
        except StorageError as error:
            self._best_steps.pop(step, None)
            self._warn_once(f"{error}; it is skipped")
            return None
        self._best_steps[step] = checkpoint.best_step
        return checkpoint

    def _prune(self) -> None:
        newest = list(islice(self._valid_steps(), _NUM_KEPT))
        kept = {*newest, *(self._best_steps[step] for step in newest)}
        for step in self._steps():
            if step < newest[-1] and step not in kept:
                self._best_steps.pop(step, None)
                try:
                    sealed_directory.remove(self._path(step))
                except StorageError as error:  # the new checkpoint is saved, so the run can continue
                    self._warn(str(error))

    def _warn_once(self, message: str) -> None:
        if message not in self._warnings:
            self._warnings.add(message)
            self._warn(message)


def _encode_arrays(arrays: Arrays) -> bytes:
    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            known = ", ".join(_DTYPES)
            raise CheckpointError(f"`{name}` must have one of the types {known}, but is {array.dtype.name}; convert it")
        if name == "__metadata__":
            raise CheckpointError(f"an array must not be named `{name}`; rename it")
    # The library ignores strides and reads the memory of an array as it is.
    return safetensors.numpy.save({name: np.asarray(array, order="C") for name, array in arrays.items()})


def _encode_state(step: int, best_step: int | None, state: Mapping[str, JSON]) -> bytes:
    for name, value in state.items():
        try:
            same = json.loads(json.dumps({name: value}, allow_nan=False)) == {name: value}
        except (TypeError, ValueError, RecursionError):
            same = False
        if not same:
            raise CheckpointError(
                f"`{name}` must be a value that JSON stores exactly, but is {value!r:.80}; convert it"
            )
    table = {"format": _FORMAT, "step": step, "best_step": best_step, "state": dict(state)}
    return (json.dumps(table, indent=2, allow_nan=False) + "\n").encode("utf-8")


def _read(path: Path, step: int) -> Checkpoint:
    """Return the checkpoint in `path`; raise `StorageError` unless it is valid and belongs to this step."""
    if path.is_symlink():
        raise CheckpointError(f"`{path}` must be a directory, but is a link")
    files = sealed_directory.read(path)
    try:
        table = json.loads(files[_STATE])
        if (found := (table["format"], table["step"])) != (_FORMAT, step):
            raise CheckpointError(f"`{path}` must have format and step {(_FORMAT, step)}, but has {found}")
        state, best_step = table["state"], table["best_step"]
        if not isinstance(state, dict) or not isinstance(best_step, int | None):
            raise TypeError("`state` must be a table, and `best_step` a step or null")
        return Checkpoint(step, safetensors.numpy.load(files[_ARRAYS]), state, best_step)
    except (KeyError, TypeError, ValueError, RecursionError, SafetensorError) as error:
        raise CheckpointError(f"`{path}` must be a nextword checkpoint, but is not ({error!r:.200})") from error
