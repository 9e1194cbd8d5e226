"""What lies where in the directory of a study."""

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from nextword.storage import durable
from nextword.training.run_directory import RunDirectory


@dataclass(frozen=True)
class StudyDirectory:
    """The directory of one study, which several processes may share.

        DIR/study.toml    the text, the settings that trials begin with, and the search space
        DIR/journal.log   what Optuna remembers: every trial, its values and its reports, one line an operation
        DIR/best.toml     the settings of the best trial so far, for `nextword train --config`
        DIR/trials/0007/  a run without a model: config.toml, log.jsonl, log.csv; checkpoints while it lasts

    Attributes:
        root: Its path.
    """

    root: Path

    @property
    def study_file(self) -> Path:
        """What the study is."""
        return self.root / "study.toml"

    @property
    def journal(self) -> Path:
        """What Optuna remembers."""
        return self.root / "journal.log"

    @property
    def best_file(self) -> Path:
        """The settings of the best trial so far."""
        return self.root / "best.toml"

    def trial(self, number: int) -> RunDirectory:
        """Return the run directory of a trial."""
        return RunDirectory(self.root / "trials" / f"{number:04d}")

    def alive_file(self, number: int) -> Path:
        """Return the file that is touched as long as a trial is at work."""
        return self.trial(number).root / "alive"

    def lock(self) -> FileLock:
        """Return a new lock on the study; it is held for moments, and waited for.

        Raises:
            StorageError: (while it is made) The directory cannot be made.
        """
        with durable.disk_errors(self.root, "created"):
            durable.make_directory(self.root)
        return FileLock(self.root / ".lock")
