"""A trial in the hands of one process, and how it ended."""

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from optuna import Trial
from optuna.exceptions import UpdateFinishedTrialError

from nextword.training.config import RunConfig
from nextword.training.run_directory import RunLock

BEAT_SECONDS = 10.0
SILENT_SECONDS = 120.0
"""How long a file must be seen unchanged; shared folders may show changes a minute late."""


class Heartbeat:
    """Touches a file every few seconds as long as a block runs, from a thread of its own.

    Args:
        path: The file.
        seconds: Time between two touches.
    """

    def __init__(self, path: Path, seconds: float = BEAT_SECONDS) -> None:
        self._path = path
        self._seconds = seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._touch()
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(self._seconds):
            self._touch()

    def _touch(self) -> None:
        with suppress(OSError):  # a full disk stops the training itself, which says so
            self._path.touch()


class SilenceWatch:
    """Tells which files are touched no more, by watching them.

    The clocks of two machines need not agree: what counts is whether a file changes while this machine's own clock
    goes on.

    Args:
        seconds: How long a file must be seen unchanged.
        clock: Returns seconds that never go back.
    """

    def __init__(self, seconds: float = SILENT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[Path, tuple[int, float]] = {}

    def is_silent(self, path: Path) -> bool | None:
        """Return whether a file has fallen silent, or `None` while that cannot be told yet.

        True comes after it was seen unchanged, or absent, for long enough; false where it changed since the last look.
        """
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            changed = 0
        before = self._seen.get(path)
        if before is None or before[0] != changed:
            self._seen[path] = (changed, self._clock())
            return None if before is None else False
        return True if self._clock() - before[1] >= self._seconds else None


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        kind: Whether it came to its end, was ended by the pruner, or could not be trained.
        perplexity: The best validation perplexity, of a trial that came to its end.
        why: What ended it else, for a person.
    """

    kind: Literal["complete", "pruned", "failed"]
    perplexity: float | None = None
    why: str = ""


class Claim:
    """A trial that this process, and no other, is at work on as long as the claim is entered.

    Attributes:
        number: Its number, counted from 0.
        config: Its settings.
    """

    def __init__(
        self, trial: Trial, config: RunConfig, reported: Collection[int], lock: RunLock, heartbeat: Heartbeat
    ) -> None:
        self.number = trial.number
        self.config = config
        self._trial = trial
        self._reported = set(reported)
        self._lock = lock
        self._heartbeat = heartbeat

    def __enter__(self) -> Self:
        self._heartbeat.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._heartbeat.__exit__(kind, error, trace)
        self._lock.__exit__(kind, error, trace)

    def report(self, round_number: int, perplexity: float) -> bool:
        """Tell the study the validation perplexity after a round, and return whether the trial shall end here.

        It shall too where another machine, which took it for abandoned, has ended it.
        """
        try:
            if round_number not in self._reported:  # a round that is done again after a kill gives the same value
                self._trial.report(perplexity, round_number)
                self._reported.add(round_number)
            return self._trial.should_prune()
        except UpdateFinishedTrialError:
            return True

    def note(self, name: str, value: str | float) -> None:
        """Keep a fact about the trial, where it has not been ended."""
        with suppress(UpdateFinishedTrialError):
            self._trial.set_user_attr(name, value)
