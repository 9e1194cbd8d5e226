"""What lies where in the directory of a training run."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nextword.bundle.store import CONFIG_FILE, MODEL_FOLDER
from nextword.errors import CheckpointError

if TYPE_CHECKING:
    from nextword.experiment.run_config import RunConfig


@dataclass(frozen=True)
class RunDirectory:
    """The directory of one run.

        RUN/config.toml    every setting, resolved
        RUN/checkpoints/   what resuming needs: the newest two, and the best
        RUN/log.jsonl      one object a round; log.csv holds the same
        RUN/curves.png     perplexity and accuracy by round; curves.svg holds the same
        RUN/model/         the bundle, written at the end

    Attributes:
        root: Its path.
    """

    root: Path

    @property
    def config_file(self) -> Path:
        """Every setting, resolved."""
        return self.root / CONFIG_FILE

    @property
    def checkpoints(self) -> Path:
        """What resuming needs."""
        return self.root / "checkpoints"

    @property
    def model(self) -> Path:
        """The bundle."""
        return self.root / MODEL_FOLDER

    @property
    def is_run(self) -> bool:
        """Whether a run began here."""
        return self.config_file.is_file()

    def read_config(self) -> "RunConfig":
        """Return the settings that the run began with.

        Raises:
            CheckpointError: No run began here.
            SettingError: The settings are damaged.
        """
        if not self.is_run:
            raise CheckpointError(
                f"`{self.root}` must be the directory of a training run, but has no {self.config_file.name}; "
                "begin one with `nextword train TEXT --run DIR`"
            )
        from nextword.experiment.run_config import RunConfig  # which a bundle alone does not need

        return RunConfig.read(self.config_file)

    def require_free(self) -> None:
        """Raise where a run began here already.

        Raises:
            CheckpointError: One did.
        """
        if self.is_run:
            raise CheckpointError(
                f"`{self.root}` must not hold a training run yet, but does; "
                f"go on with it by `nextword train --resume {self.root}`, or name another directory"
            )
