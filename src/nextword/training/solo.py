"""The processes of a run that has one, and the interface of several.

    Solo             one process: every member has its default
      Member         a population: a run of one process, in a directory and with a seed of its own
      Group          several processes that train one model
        DataParallel   each computes its rows of every batch
        LocalSteps     each trains a round by itself, then all average

`cluster.cluster_of` chooses once, from the settings. Everything else asks these members, and no one asks how many
processes there are. All processes of a group call the members in the same order.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nextword.text.batching.window import TokenIds, Windows
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.context import Interruption, RunContext

if TYPE_CHECKING:
    from nextword.model.language_model import LanguageModel
    from nextword.text.corpus import Corpus
    from nextword.training.config import RunConfig
    from nextword.training.step.step import TrainingStep


class Solo:
    """The only process of a run: it decides alone, reads the whole text and writes every file.

    As a context, it is the time in which the processes work together.

    Attributes:
        num_processes: Number of processes that train the model.
        process_id: Number of this process, from 0.
    """

    num_processes = 1
    process_id = 0

    @property
    def writes(self) -> bool:
        """Whether this process writes log, curve and bundle, and reports. One does."""
        return self.process_id == 0

    def directory(self, root: Path) -> Path:
        """Return the directory of the run of this process, from the directory that was asked for."""
        return root

    def settings(self, config: "RunConfig") -> "RunConfig":
        """Return the settings of the new run of this process.

        Raises:
            SettingError: They do not go with the strategy or with the number of processes.
        """
        return config

    def context(self, context: RunContext) -> RunContext:
        """Return the context of this process; only the one that writes reports."""
        return context

    def part(self, ids: TokenIds) -> TokenIds:
        """Return the part of the training split that this process reads."""
        return ids

    def rows(self, windows: Windows) -> Windows:
        """Return the rows of each window that this process computes."""
        return windows

    def stream_model(self, kind: Callable[..., Any]) -> Callable[..., Any]:
        """Return what makes the model in training: `kind`, or one that sums over the processes."""
        return kind

    def agree[Value](self, value: Value) -> Value:
        """Return the value of process 0, which JSON must be able to store."""
        return value

    def require_same(self, name: str, value: str) -> None:
        """Raise `SettingError` unless all processes have the same value."""

    def store(self, root: Path, warn: Callable[[str], object]) -> CheckpointStore:
        """Return the checkpoints of a run directory."""
        return CheckpointStore(root / "checkpoints", warn)

    def interruption(self) -> Interruption:
        """Return what stops the run at a signal."""
        return Interruption()

    def share_start(self, step: "TrainingStep") -> None:
        """Begin with the weights of process 0: vectors from counts depend on the processor."""

    def begin_round(self, model: "LanguageModel") -> None:
        """Note the weights before the steps of a round."""

    def exchange(self, model: "LanguageModel") -> None:
        """Change the weights after the steps of a round, before its validation."""

    def finish(self, root: Path, text: "Corpus", context: RunContext) -> None:
        """End a run whose bundle is written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Let all end together."""
