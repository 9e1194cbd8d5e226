"""The settings and the directory of a study: text, base settings and search space."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, override

import tomli_w
from filelock import AcquireReturnProxy, FileLock

from nextword.bundle.run_directory import RunDirectory
from nextword.errors import SettingError, StorageError
from nextword.settings import Settings, setting
from nextword.system.cache import cache_key
from nextword.system.files import disk_errors, make_directory
from nextword.training.config import RunConfig
from nextword.training.tuning.database import Database
from nextword.training.tuning.search_space import SearchSpace

_FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class SweepOptions(Settings):
    """The settings of a sweep: number of trials, pruner, rounds and storage."""

    group: ClassVar[str] = "study"

    trials: int = setting(20, help="Trials in all, by however many processes.", at_least=1, at_most=100_000)
    pruner: Literal["median", "hyperband", "none"] = setting(
        "median", help="What ends a trial early: the median of the finished ones, Hyperband, or nothing."
    )
    rounds: int = setting(
        8, help="Times that a trial is validated, evenly over its training; each may end it.", at_least=1, at_most=1000
    )
    minutes_per_trial: float | None = setting(
        None,
        help="Minutes of training that the epochs of each trial are made to fill, by its own speed here.",
        at_least=0.01,
        at_most=100_000.0,
    )
    sampler_seed: int = setting(0, help="Seed of the suggestions.", at_least=0, at_most=2**31 - 1)
    storage: str | None = setting(
        None,
        help="Database that several machines share, as an SQLAlchemy URL without a password; else a journal file of "
        "one machine.",
    )
    grace_seconds: int = setting(
        120,
        help="Seconds without a heartbeat after which another machine retries a trial.",
        at_least=1,
        at_most=86_400,
    )


@dataclass(frozen=True)
class StudySettings:
    """The common settings of all trials, fixed when the study begins."""

    options: SweepOptions  # the settings of the sweep
    text: str  # path of the text, or name of a sample
    base: RunConfig  # the settings around which trials vary
    search: Mapping[str, Any]  # the tables of the search space

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        if self.base.training.base is not None:
            raise SettingError(
                f"`base` must not be set in a study, whose trials start from new weights, but is "
                f"{self.base.training.base}; train with `nextword train --from`"
            )
        if (strategy := self.base.training.strategy) is not None or self.base.members:
            raise SettingError(
                f"a study must have no `strategy` and no [[member]], since one process trains a trial, but has "
                f"{strategy or 'members'}; remove them from --config"
            )
        space = SearchSpace.read(self.search, self.base)
        if self.options.minutes_per_trial is not None and any(
            "training.epochs" in each.targets for each in space.dimensions
        ):
            raise SettingError(
                "`minutes_per_trial` must not be used if the search space varies `training.epochs`, but is "
                f"{self.options.minutes_per_trial:g}; leave out one of the two"
            )
        return space

    @property
    def database(self) -> Database | None:
        """The database that machines share, without a password; `None` for a journal."""
        return None if self.options.storage is None else Database.of(self.options.storage)

    def to_toml(self, *, text_sha256: str) -> str:
        """Return the study as TOML."""
        study = {"format": _FORMAT, "text": self.text, "text_sha256": text_sha256, **self.options.to_table()}
        return tomli_w.dumps({"study": study, "base": self.base.to_tables(), "search": self.search})

    def identity(self, text_sha256: str) -> str:
        """Return a hash, in hexadecimal, of what all machines must share: everything but paths and the trial count."""
        paths = {"study.text", "study.storage", "base.origin.text_path"}
        table = sorted((name, value) for name, value in _compared(self).items() if name not in paths)
        return cache_key(text_sha256, json.dumps(table))

    def require_same(self, other: "StudySettings") -> None:
        """Raise `SettingError` if other settings differ from this stored study; the number of trials may differ."""
        mine, theirs = _compared(self), _compared(other)
        for name in sorted({*mine, *theirs}):
            if mine.get(name) != theirs.get(name):
                raise SettingError(
                    f"`{name}` must stay {mine.get(name)!r}, the value of the study, but is {theirs.get(name)!r}; "
                    "resume with only `nextword tune --study DIR`, or give another directory"
                )


def read_study(path: Path) -> tuple[StudySettings, str]:
    """Read the settings of a study and the SHA-256 of its text from a file.

    Raises:
        StorageError: The file is damaged, or was written by a newer version.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        study = dict(tables["study"])
        if (found := study.pop("format")) != _FORMAT:
            raise StorageError(
                f"`{path}` must have format {_FORMAT}, but has {found}; give another directory, or use the "
                "nextword version that wrote it"
            )
        text, text_sha256 = study.pop("text"), study.pop("text_sha256")
        options = SweepOptions.from_table(study)
        return StudySettings(options, text, RunConfig.from_tables(tables["base"]), tables["search"]), text_sha256
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SettingError) as error:
        raise StorageError(f"`{path}` must be a study, but is not ({error}); give another directory") from error


def _compared(settings: StudySettings) -> dict[str, Any]:
    """Return the settings, by dotted name, that all processes of a study must share."""
    table = tomllib.loads(settings.to_toml(text_sha256=""))
    del table["study"]["trials"]
    table["base"]["origin"].pop("command", None)
    return dict(_flattened("", table))


def _flattened(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flattened(f"{prefix}{name}.", value)
        else:
            yield prefix + name, value


@dataclass(frozen=True)
class StudyDirectory:
    """The directory of one study, shared by the processes of one machine.

    DIR/study.toml    text, base settings and search space
    DIR/journal.log   all trials with their values and reports, one line per operation; without a database only
    DIR/best.toml     the settings of the best trial so far, for `nextword train --config`
    DIR/trials/0007/  a run without a model: config.toml, log.jsonl, log.csv; checkpoints until it ends
    """

    root: Path  # its path

    @property
    def study_file(self) -> Path:
        """Text, base settings and search space."""
        return self.root / "study.toml"

    @property
    def journal(self) -> Path:
        """Optuna's journal of all trials."""
        return self.root / "journal.log"

    @property
    def best_file(self) -> Path:
        """The settings of the best trial so far."""
        return self.root / "best.toml"

    def trial(self, number: int) -> RunDirectory:
        """Return the run directory of a trial."""
        return RunDirectory(self.root / "trials" / f"{number:04d}")

    def lock(self) -> FileLock:
        """Return a new lock on the study; processes hold it briefly and wait for it."""
        with disk_errors(self.root, "created"):
            make_directory(self.root)
        return _StudyLock(self.root / ".lock")


class _StudyLock(FileLock):
    @override
    def acquire(self, *args: Any, **kwargs: Any) -> AcquireReturnProxy[Self]:
        with disk_errors(Path(self.lock_file), "locked"):
            return super().acquire(*args, **kwargs)
