"""What loggers send, and when; without another program."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import SettingError, StorageError, TrainingWarning
from nextword.training.cluster.group import Group, ProcessGroup
from nextword.training.config import RunConfig
from nextword.training.context import RunContext, TrainingObserver
from nextword.training.progress import TrainingProgress
from nextword.training.report.history import write_log
from nextword.training.report.run_logger import Row, RunLogger, logged, rows_of
from support.training_records import PLAN, POINTS, RECORDS, STAGES, log_run

CONFIG = RunConfig.of("quick", {"model": {"hidden_sizes": (160,)}})
BEGIN, BEFORE, WHOLE = STAGES[0], STAGES[1], STAGES[4]


class MemoryLogger(RunLogger):
    """Logs into a list; some writes may fail."""

    continuation = "in the same list"

    def __init__(self, last_step: int = -1, failures: int = 0) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.settings: dict[str, str | float] = {}
        self.closed: list[bool] = []
        self.forgotten: list[int] = []
        self._last_step, self._failures = last_step, failures

    def __str__(self) -> str:
        return "`memory`"

    def open(self, run: Path, settings: Mapping[str, str | float]) -> int:
        self.settings = dict(settings)
        return self._last_step

    def forget_after(self, step: int) -> int:
        self.forgotten.append(step)
        return step

    def write(self, rows: Sequence[Row]) -> None:
        self._failures -= 1
        if self._failures >= 0:
            raise OSError("the disk is full")
        self.rows += rows

    def close(self, *, finished: bool) -> None:
        self.closed.append(finished)

    @property
    def steps(self) -> list[int]:
        return [step for step, _ in self.rows]


def log(logger: RunLogger, *stages: TrainingProgress, **options: Any) -> None:
    log_run(logger, *stages, config=CONFIG, **options)


def test_each_step_has_its_figures() -> None:
    rows = dict(rows_of(BEFORE))
    assert list(rows) == [5, 10]
    assert sorted(rows[5]) == ["learning_rate", "train/loss", "train/perplexity", "words_per_second"]
    assert sorted(rows[10].keys() - rows[5].keys()) == [
        *("epoch", "train/accuracy", "valid/accuracy", "valid/loss", "valid/perplexity")
    ]
    assert rows[5]["train/perplexity"] == POINTS[0].train_perplexity
    assert rows[10]["valid/perplexity"] == RECORDS[0].valid_perplexity


def test_each_round_sends_what_is_new_and_the_settings_go_first() -> None:
    logger = MemoryLogger()
    log(logger, BEGIN, BEFORE, WHOLE)
    assert logger.rows == rows_of(WHOLE)
    assert logger.closed == [True]
    assert (logger.settings["model.hidden_sizes"], logger.settings["preset"]) == ("[160]", "quick")
    assert isinstance(logger.settings["training.learning_rate"], float)


@pytest.mark.parametrize(("last_step", "sent"), [(-1, 8), (10, 6), (20, 4), (40, 0)])
def test_a_resumed_run_sends_what_the_log_lacks(last_step: int, sent: int) -> None:
    logger = MemoryLogger(last_step)
    log(logger, WHOLE)
    assert logger.rows == rows_of(WHOLE)[8 - sent :]


def test_a_log_that_is_ahead_of_the_checkpoint_goes_back_to_it(tmp_path: Path) -> None:
    write_log(tmp_path, WHOLE)
    logger, warned = MemoryLogger(last_step=40), list[str]()
    log(logger, BEFORE, WHOLE, warn=warned.append, run=tmp_path)
    assert logger.forgotten == [10]
    assert logger.rows == rows_of(WHOLE)[2:]
    (warning,) = warned
    assert warning == (
        "`memory` has 40 steps, but the newest valid checkpoint has 10; "
        "the log continues after step 10 in the same list"
    )


@pytest.mark.parametrize("stage", [BEGIN, BEFORE], ids=["no checkpoint", "an older checkpoint"])
def test_the_log_of_another_run_is_refused_also_if_a_checkpoint_is_damaged(
    stage: TrainingProgress, tmp_path: Path
) -> None:
    write_log(tmp_path, WHOLE)
    logger = MemoryLogger(last_step=900)
    with pytest.raises(SettingError, match=r"has 40 steps, but has 900; give another place than `memory`"):
        log(logger, stage, run=tmp_path)


def test_a_log_of_rounds_that_cannot_be_read_shows_nothing_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(SettingError, match="has 10 steps, but has 40"):
        log(MemoryLogger(last_step=40), BEFORE, run=tmp_path)


def test_the_log_of_another_run_is_refused() -> None:
    logger = MemoryLogger(last_step=900)
    with pytest.raises(SettingError, match=r"has 10 steps, but has 900; give another place than `memory`"):
        log(logger, BEFORE)
    assert (logger.rows, logger.closed) == ([], [False])


@pytest.mark.parametrize("failures", [1, 3])
def test_of_failures_the_first_is_warned_of_and_a_later_round_or_the_end_sends_all(failures: int) -> None:
    logger, warned = MemoryLogger(failures=failures), list[str]()
    log(logger, BEFORE, WHOLE, WHOLE, warn=warned.append)
    assert warned == ["nothing could be written to `memory` (the disk is full); a later round, or the end, tries again"]
    assert (logger.rows, logger.closed) == (rows_of(WHOLE), [True])


def test_a_log_that_fails_to_the_end_is_warned_of_twice_and_ends_nothing() -> None:
    logger, warned = MemoryLogger(failures=99), list[str]()
    log(logger, BEFORE, WHOLE, warn=warned.append)
    assert warned[1:] == ["the log in `memory` lacks 8 rows, from step 5 on; a resumed run sends them"]
    assert (logger.rows, logger.closed) == ([], [])


def test_failures_that_take_long_leave_the_rest_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextword.training.report.run_logger._MAX_SECONDS", 1e-9)  # the first failure takes longer
    logger, warned = MemoryLogger(failures=1), list[str]()
    with logged(RunContext(callbacks=[logger], warn=warned.append), Path("run"), CONFIG) as context:
        for progress in (BEFORE, WHOLE, WHOLE, WHOLE):
            context.observer.on_round(progress.records[-1], PLAN, progress)
        assert logger.rows == []
    assert logger.rows == rows_of(WHOLE)


def test_an_interrupted_run_ends_its_log_as_such() -> None:
    logger = MemoryLogger()
    with pytest.raises(KeyboardInterrupt), logged(RunContext(callbacks=[logger]), Path("run"), CONFIG):
        raise KeyboardInterrupt
    assert logger.closed == [False]


def test_loggers_observe_the_run_and_other_callbacks_stay_with_keras() -> None:
    logger, other, observer = MemoryLogger(), object(), TrainingObserver()
    with logged(RunContext(observer, callbacks=[other, logger]), Path("run"), CONFIG) as context:
        assert context.callbacks == (other,)
    with logged(RunContext(observer, callbacks=[other]), Path("run"), CONFIG) as context:
        assert context.observer is observer


def test_of_several_processes_only_the_first_logs() -> None:
    contexts = [
        Group(ProcessGroup(2, each)).context(RunContext(callbacks=[MemoryLogger(), "other"])) for each in (0, 1)
    ]
    assert [len(context.callbacks) for context in contexts] == [2, 1]
    assert list(contexts[1].callbacks) == ["other"]


def test_in_the_fit_of_keras_an_epoch_is_a_step() -> None:
    logger = MemoryLogger()
    logger.on_train_begin()
    logger.on_epoch_end(0, {"loss": 5.0})
    logger.on_epoch_end(1, {"loss": 4.0})
    logger.on_train_end()
    assert (logger.rows, logger.closed) == ([(1, {"loss": 5.0}), (2, {"loss": 4.0})], [True])


def test_a_failure_does_not_end_the_fit_of_keras_and_the_next_epoch_sends_all() -> None:
    logger = MemoryLogger(failures=1)
    logger.on_train_begin()
    with pytest.warns(TrainingWarning, match="the disk is full"):
        logger.on_epoch_end(0, {"loss": 5.0})
    logger.on_epoch_end(1, {"loss": 4.0})
    logger.on_train_end()
    assert (logger.rows, logger.closed) == ([(1, {"loss": 5.0}), (2, {"loss": 4.0})], [True])


class BrokenLogger(MemoryLogger):
    """A log that cannot be begun, or ended."""

    def __init__(self, broken: str) -> None:
        super().__init__()
        self._broken = broken

    def open(self, run: Path, settings: Mapping[str, str | float]) -> int:
        self._fail_at("open")
        return super().open(run, settings)

    def close(self, *, finished: bool) -> None:
        self._fail_at("close")
        super().close(finished=finished)

    def _fail_at(self, name: str) -> None:
        if name == self._broken:
            raise OSError("no such server")


def test_a_log_that_cannot_be_begun_is_an_error_before_training() -> None:
    with pytest.raises(StorageError, match=r"`memory` must take a log, but does not \(no such server\)"):
        log(BrokenLogger("open"), BEGIN, BEFORE)


def test_a_log_that_cannot_be_ended_hides_no_result_and_no_error() -> None:
    warned: list[str] = []
    log(BrokenLogger("close"), BEGIN, BEFORE, warn=warned.append)
    assert warned == ["the log in `memory` could not be ended (no such server)"]
    context = RunContext(callbacks=[BrokenLogger("close")], warn=warned.append)
    with pytest.raises(KeyboardInterrupt), logged(context, Path("run"), CONFIG):
        raise KeyboardInterrupt
