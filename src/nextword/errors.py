"""Every error that nextword raises on purpose, and how messages show numbers and text.

A message states the rule, the value and the repair, separated by semicolons. The command line prints each on a line of
its own on standard error, and exits with the code of its class. Any other exception is a bug in nextword and shows its
traceback.
"""

import signal
from typing import Self


class NextwordError(Exception):
    """The base class of all errors that a user can cause and repair.

    Example:
        >>> import nextword
        >>> try:
        ...     nextword.load("no-such-model")
        ... except nextword.NextwordError as error:
        ...     print(type(error).__name__, error.exit_code)
        BundleError 2
    """

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
            >>> str(MissingExtraError.of("comparing models needs SciPy", None, "train"))
            "comparing models needs SciPy, which is missing; install the extra `train`: pip install 'nextword[train]'"
        """
        what = f"but `{missing}` is missing" if missing else "which is missing"
        return cls(f"{need}, {what}; {cls.advice(extra)}")

    @staticmethod
    def advice(extra: str) -> str:
        """Return how to install an extra of nextword.

        The command works in a clone too: pip adds what the installed nextword lacks, wherever that came from.
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


class EvaluationWarning(UserWarning):
    """A figure misleads, such as the perplexity of a text with many unknown words."""


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C or another signal asked training to stop. As a `KeyboardInterrupt`, `except Exception` does not catch it.

    Args:
        signal_number: Number of the signal.
        loss: What a resumed run does again, in words.

    Attributes:
        signal_number: Number of the signal.
        exit_code: Exit code of a command that the signal stopped.

    Example:
        >>> issubclass(TrainingInterrupted, Exception), issubclass(TrainingInterrupted, KeyboardInterrupt)
        (False, True)
        >>> print(TrainingInterrupted(signal.SIGTERM))
        interrupted by SIGTERM
    """

    def __init__(self, signal_number: int, loss: str = "") -> None:
        super().__init__(f"interrupted by {signal.Signals(signal_number).name}{loss and '; '}{loss}")
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


def printable(text: str, *, keep: str = "") -> str:
    r"""Return a text with each unprintable character escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode("ascii") for c in text)


def counted(number: float, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun, in the plural unless the number is 1."""
    shown = f"{number:,.0f}" if number == round(number) else f"{number:g}"
    return f"{shown} {noun if number == 1 else plural or f'{noun}s'}"
