"""Every error that nextword raises on purpose.

A message states the rule, the value and the repair. The command line prints it as one line on standard error and exits
with the code of its class. Any other exception is a bug in nextword and shows its traceback.
"""

import signal
from typing import Self


class NextwordError(Exception):
    """Base class of all errors that a user can cause and repair."""

    exit_code = 2


class SettingError(NextwordError):
    """A setting has an unknown name, a value of the wrong type, or a value out of range."""


class TextError(NextwordError):
    """A text cannot be found, read or used as a corpus."""


class StorageError(NextwordError):
    """A directory that nextword wrote is damaged, incomplete, in use, or could not be written."""


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
    """An exported model differs from the original, or is worse than allowed."""


class EvaluationError(NextwordError):
    """The data are not enough to compute a figure, such as a perplexity over no tokens."""


class TrainingDivergedError(NextwordError):
    """The training loss is no longer a finite number."""

    exit_code = 3


class TrainingWarning(UserWarning):
    """A training run worked around a problem, such as a damaged checkpoint."""


class TrainingInterrupted(BaseException):
    """A signal stopped a training run. It is a `BaseException`, so `except Exception` does not catch it.

    Attributes:
        signal_number: The number of the signal.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signal_number).name}")
        self.signal_number = signal_number
