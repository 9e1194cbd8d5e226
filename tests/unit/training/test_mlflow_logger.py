"""Logs to MLflow, read back by its client. Creating a database takes MLflow ten seconds, so these tests are slow."""

import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import MissingExtraError, StorageError
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.mlflow_logger import MlflowLogger
from nextword.training.plan import Plan
from nextword.training.progress import TrainingProgress
from nextword.training.run_logger import logged, rows_of
from support.training_records import POINTS, RECORDS

PLAN, CONFIG = Plan(20, 10, (40,)), RunConfig.of("quick")
BEFORE, WHOLE = (
    TrainingProgress(records=tuple(RECORDS[:count]), points=tuple(POINTS[: 2 * count])) for count in (1, 4)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the database of a finished run, `run/first`, which was interrupted once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of MLflow's own imports
        pytest.importorskip("mlflow", reason="needs the extra `mlflow`")
        pytest.importorskip("alembic", reason="needs the extra `mlflow`")
        folder = tmp_path_factory.mktemp("mlflow")
        run = folder / "runs" / "first"
        run.mkdir(parents=True)
        with pytest.raises(KeyboardInterrupt):
            log(folder, run, TrainingProgress(), BEFORE, stop=KeyboardInterrupt())
        assert attempt(folder, run).info.status == "KILLED"
        log(folder, run, BEFORE, WHOLE)
        log(folder, run, WHOLE)
    return folder


@pytest.fixture(autouse=True)
def _mlflow_may_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def log(folder: Path, run: Path, *stages: TrainingProgress, stop: BaseException | None = None) -> None:
    with logged(RunContext(callbacks=[MlflowLogger(folder)]), run, CONFIG) as context:
        context.observer.on_start(PLAN, stages[0])
        for progress in stages[1:]:
            context.observer.on_round(progress.records[-1], PLAN, progress)
        if stop is not None:
            raise stop


def client(folder: Path) -> Any:
    import mlflow

    return mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder.as_posix()}/mlflow.db")


def attempt(folder: Path, run: Path) -> Any:
    """Return the only MLflow run of the experiment."""
    experiment = client(folder).get_experiment_by_name("nextword")
    (found,) = client(folder).search_runs([experiment.experiment_id], f"run_name = '{run.name}'")
    return found


@pytest.mark.slow
def test_a_run_that_was_resumed_is_one_run_with_each_step_once(folder: Path) -> None:
    found = attempt(folder, folder / "runs" / "first")
    assert found.info.status == "FINISHED"
    expected: dict[str, list[tuple[int, float]]] = {}
    for step, figures in rows_of(WHOLE):
        for name, value in figures.items():
            expected.setdefault(name, []).append((step, value))
    for name, values in expected.items():
        history = client(folder).get_metric_history(found.info.run_id, name)
        assert sorted((metric.step, metric.value) for metric in history) == values


@pytest.mark.slow
def test_the_settings_are_parameters(folder: Path) -> None:
    found = attempt(folder, folder / "runs" / "first")
    assert found.data.params["preset"] == "quick"
    assert float(found.data.params["training.learning_rate"]) == CONFIG.training.learning_rate


@pytest.mark.slow
def test_another_run_directory_is_another_run(folder: Path) -> None:
    second = folder / "runs" / "second"
    second.mkdir()
    log(folder, second, TrainingProgress(), BEFORE)
    assert attempt(folder, second).info.run_id != attempt(folder, folder / "runs" / "first").info.run_id


def test_without_mlflow_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match="install the extra `mlflow`: pip install 'nextword\\[mlflow\\]'"):
        MlflowLogger(tmp_path)


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_an_error_after_a_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="needs the extra `mlflow`")
    pytest.importorskip("alembic", reason="needs the extra `mlflow`")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES")  # and removed again after the test
    with (
        pytest.raises(StorageError, match=r"`http://127.0.0.1:1` must take a log, but does not .*another place"),
        logged(RunContext(callbacks=[MlflowLogger("http://127.0.0.1:1")]), tmp_path, CONFIG),
    ):
        pass
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
