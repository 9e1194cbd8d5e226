"""Every error that nextword raises on purpose.

A message states the rule, the value and the repair. The command line prints it as one line on standard error and exits
with the code of its class. Any other exception is a bug in nextword and shows its traceback.
"""

import signal
from typing import Self


class NextwordError(Exception):
    """The base class of all errors that a user can cause and repair."""

    exit_code = 2


class SettingError(NextwordError):
    """A setting is out of range, has the wrong type, or has an unknown name."""


class TextError(NextwordError):
    """A text cannot be found, read or used as a corpus."""


class StorageError(NextwordError):
    """A directory of nextword is damaged, incomplete, in use, or cannot be written."""


class CheckpointError(StorageError):
    """A training run cannot be resumed from its directory."""


class BundleError(StorageError):
    """A directory is not a model bundle, or the bundle is damaged."""


class MissingExtraError(NextwordError):
    """A part of nextword needs packages that are not installed."""

    @classmethod
    def of(cls, need: str, missing: str | None, extra: str) -> Self:
        """Return the error for a package that is missing, with the command that installs it.

        Args:
            need: What needs which packages, such as "training needs Keras and JAX".
            missing: The package that is missing; `None` if it is the one that `need` names.
            extra: The extra of nextword that brings the packages.

        Example:
            >>> str(MissingExtraError.of("curves need matplotlib", None, "train"))
            "curves need matplotlib, which is missing; install the extra `train`: pip install 'nextword[train]'"
        """
        what = f"but `{missing}` is missing" if missing else "which is missing"
        return cls(f"{need}, {what}; {cls.advice(extra)}")

    @staticmethod
    def advice(extra: str) -> str:
        """Return how to install an extra of nextword.

        The command works in a clone too: pip adds what the installed nextword lacks, wherever that came from.

        Example:
            >>> MissingExtraError.advice("train")
            "install the extra `train`: pip install 'nextword[train]'"
        """
        return f"install the extra `{extra}`: pip install 'nextword[{extra}]'"


class ExportError(NextwordError):
    """An exported model differs from its source by more than the allowed tolerance."""


class EvaluationError(NextwordError):
    """The data is not sufficient for a result, such as a perplexity over zero tokens."""


class TrainingDivergedError(NextwordError):
    """The training loss is no longer a finite number."""

    exit_code = 3


class ProcessLostError(NextwordError):
    """Another process of a training run is gone, or did not come."""


class TrainingWarning(UserWarning):
    """A training run worked around a problem, such as a damaged checkpoint."""


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C or another signal asked training to stop. As a `KeyboardInterrupt`, `except Exception` does not catch it.

    Attributes:
        signal_number: Number of the signal.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number
