"""What several machines share in one study: its database, whose password stays in memory, and the trials they claim."""

import time
import warnings
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, Self, override

from optuna import Trial
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import TrialState

from nextword.errors import StorageError
from nextword.training.config import RunConfig

_BEATS = 4  # heartbeats in a grace period
_MAX_OPENINGS = 20
_SECONDS_BETWEEN_OPENINGS = 0.5
_SIGNS_OF_OTHERS = ("already exists", "duplicate", "unique", "try restarting transaction")
"""Parts of the errors of PostgreSQL, SQLite, MySQL and MariaDB if another process creates the same tables or rows."""

_SECRETS = ("password", "passwd", "sslpassword")


@dataclass(frozen=True)
class Database:
    """A database that SQLAlchemy can open."""

    url: str = field(repr=False)  # its SQLAlchemy URL, with a password or without
    address: str  # the URL without a password, to store and to show

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the database of an SQLAlchemy URL."""
        from sqlalchemy.engine import make_url  # slow to import, and a journal does not need it
        from sqlalchemy.exc import ArgumentError

        with _errors(url):
            try:
                parsed = make_url(url)
            except ValueError:
                raise ArgumentError("the port must be a number") from None
            address = parsed._replace(password=None).difference_update_query(_SECRETS)
        return cls(url, address.render_as_string(hide_password=False))

    def open(self, *, grace_seconds: int, max_retries: int) -> BaseStorage:
        """Return Optuna's storage in the database, which retries trials without a heartbeat.

        If several processes open an empty database at the same time, all create its tables, and one succeeds. The
        others then find them.

        Raises:
            StorageError: The database cannot be used.
        """
        from sqlalchemy.exc import DatabaseError
        from sqlalchemy.pool import NullPool

        with self.errors(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # heartbeats are marked experimental
            for opening in range(1, _MAX_OPENINGS + 1):
                try:
                    return _Storage(
                        self.url,
                        # A trial trains for minutes between two uses. By then the server may have restarted.
                        engine_kwargs={"poolclass": NullPool},
                        heartbeat_interval=max(1, grace_seconds // _BEATS),
                        grace_period=grace_seconds,
                        heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=max_retries),
                    )
                except (DatabaseError, StorageInternalError, AssertionError) as error:
                    if opening == _MAX_OPENINGS or not _is_being_created(error):
                        raise
                    time.sleep(_SECONDS_BETWEEN_OPENINGS)
        raise AssertionError("unreachable")

    def errors(self) -> AbstractContextManager[None]:
        """Convert database errors in the block to `StorageError`."""
        return _errors(self.url)


class _Storage(RDBStorage):
    """Optuna's storage, for which a missed heartbeat is not an error: the next one, or the main thread, will tell."""

    @override
    def record_heartbeat(self, trial_id: int) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        with suppress(SQLAlchemyError, StorageInternalError):
            super().record_heartbeat(trial_id)


def _is_being_created(error: Exception) -> bool:
    """Return whether an error of the first opening means that another process creates the tables right now."""
    # Optuna asserts that the row with its version exists, which another process may not have committed yet.
    text = f"{error} {error.__cause__}".lower()
    return isinstance(error, AssertionError) or any(part in text for part in _SIGNS_OF_OTHERS)


@contextmanager
def _errors(url: str) -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ImportError) as error:
        why = next(iter(str(error.__cause__ or error).splitlines()), type(error).__name__)
        shown = why.replace(url, "...") if url else why
        raise StorageError(
            f"`--storage` must be the SQLAlchemy URL of a reachable database, but its use failed: "
            f"{shown}; check address, server, password and driver, such as psycopg for PostgreSQL"
        ) from error


STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "running": TrialState.RUNNING,
}
"""Optuna's states of a trial that has begun."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a trial."""

    kind: Literal["complete", "pruned", "failed"]  # "pruned": ended early; "failed": could not be trained
    perplexity: float | None = None  # the best validation perplexity of a complete trial
    why: str = ""  # the reason for any other outcome, to show to the user


class Claim:
    """A trial that only this process works on.

    Attributes:
        number: Number of the trial, from 0.
        config: Its settings.
    """

    def __init__(self, trial: Trial, config: RunConfig, reported: Collection[int]) -> None:
        self.number = trial.number
        self.config = config
        self._trial = trial
        self._reported = set(reported)

    def report(self, round_number: int, perplexity: float) -> bool:
        """Report the validation perplexity after a round to the study, and return whether the trial must end now.

        It must also end if another machine ended it because its heartbeat was missing.
        """
        try:
            if round_number not in self._reported:  # a round repeated after a kill gives the same value
                self._trial.report(perplexity, round_number)
                self._reported.add(round_number)
            return self._trial.should_prune()
        except UpdateFinishedTrialError:
            return True

    def note(self, name: str, value: str | float) -> None:
        """Store an attribute of the trial, unless the trial has ended."""
        with suppress(UpdateFinishedTrialError):
            self._trial.set_user_attr(name, value)
