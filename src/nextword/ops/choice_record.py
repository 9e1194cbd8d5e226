"""Decisions between paths of the LSTM recurrence, written down so that they are made once on a machine."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from nextword.storage import strict_json
from nextword.storage.durable import disk_errors, make_directory
from nextword.storage.single_file import write_file

_MAX_BYTES = 2**20


class Shape(NamedTuple):
    """What a decision is made for.

    Attributes:
        batch_size: `B`.
        num_steps: `T`.
        input_size: `I`.
        hidden_size: `H`.
        compute_dtype: Precision that was asked for.
    """

    batch_size: int
    num_steps: int
    input_size: int
    hidden_size: int
    compute_dtype: str


@dataclass(frozen=True)
class Choice:
    """What was decided for a shape, and on what grounds.

    Attributes:
        path: Name of the path taken.
        seconds: Time of each path, forward and back.
        deviations: Largest difference of each path from the scan in float32, as a share of the largest number.
        failures: What each path that did not run died of.
    """

    path: str
    seconds: dict[str, float] = field(default_factory=dict)
    deviations: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


class ChoiceRecord:
    """A JSON file of choices; of several processes one decides, and the others wait and read.

    A file that is damaged counts as empty: what it held is decided anew.

    Args:
        file: Where the choices are, or will be.
        about: What they were decided on; written into the file for whoever reads it.
    """

    def __init__(self, file: Path, about: dict[str, str]) -> None:
        self.file = file
        self.about = about

    def read(self) -> dict[Shape, Choice]:
        """Return all choices so far."""
        try:
            table = strict_json.parse(self.file.read_bytes(), max_bytes=_MAX_BYTES)
            return {Shape(**entry["shape"]): Choice(**entry["choice"]) for entry in table["choices"]}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def choice(self, shape: Shape, decide: Callable[[], Choice]) -> Choice:
        """Return the choice for `shape`; what `decide` returns, if there is none yet.

        Raises:
            StorageError: The disk refused; nothing was decided.
        """
        with disk_errors(self.file, "written"):
            make_directory(self.file.parent)
            with FileLock(self.file.with_suffix(".lock")):
                choices = self.read()
                if shape not in choices:
                    choices[shape] = decide()
                    self._write(choices)
                return choices[shape]

    def _write(self, choices: dict[Shape, Choice]) -> None:
        entries: list[dict[str, Any]] = [
            {"shape": shape._asdict(), "choice": asdict(choice)} for shape, choice in choices.items()
        ]
        write_file(self.file, json.dumps({"about": self.about, "choices": entries}, indent=1).encode())
