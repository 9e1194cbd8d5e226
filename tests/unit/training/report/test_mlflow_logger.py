"""Logs to MLflow, read back by its client. Creating a database takes MLflow ten seconds, so these tests are slow."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import MissingExtraError, StorageError
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.progress import TrainingProgress
from nextword.training.report.mlflow_logger import MlflowLogger
from nextword.training.report.run_logger import logged, rows_of
from support.training_records import PLAN, STAGES, log_run

CONFIG = RunConfig.of("quick")
BEGIN, BEFORE, SECOND, THIRD, WHOLE = STAGES


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
            log(folder, run, BEGIN, BEFORE, stop=KeyboardInterrupt())
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
    log_run(MlflowLogger(folder), *stages, run=run, stop=stop)


def client(folder: Path) -> Any:
    import mlflow

    return mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder.as_posix()}/mlflow.db")


def attempt(folder: Path, run: Path) -> Any:
    """Return the only MLflow run of the experiment."""
    experiment = client(folder).get_experiment_by_name("nextword")
    (found,) = client(folder).search_runs([experiment.experiment_id], f"run_name = '{run.name}'")
    return found


def assert_finished_with_each_step_once(folder: Path, run: Path) -> None:
    found = attempt(folder, run)
    assert found.info.status == "FINISHED"
    expected: dict[str, list[tuple[int, float]]] = {}
    for step, figures in rows_of(WHOLE):
        for name, value in figures.items():
            expected.setdefault(name, []).append((step, value))
    for name, values in expected.items():
        history = client(folder).get_metric_history(found.info.run_id, name)
        assert sorted((metric.step, metric.value) for metric in history) == values


@pytest.mark.slow
def test_a_run_that_was_resumed_is_one_run_with_each_step_once(folder: Path) -> None:
    assert_finished_with_each_step_once(folder, folder / "runs" / "first")


@pytest.mark.slow
def test_the_settings_are_parameters(folder: Path) -> None:
    found = attempt(folder, folder / "runs" / "first")
    assert found.data.params["preset"] == "quick"
    assert float(found.data.params["training.learning_rate"]) == CONFIG.training.learning_rate


@pytest.mark.slow
def test_another_run_directory_is_another_run(folder: Path) -> None:
    second = folder / "runs" / "second"
    second.mkdir()
    log(folder, second, BEGIN, BEFORE)
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
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    with (
        pytest.raises(StorageError, match=r"`http://127.0.0.1:1` must take a log, but does not .*another place"),
        logged(RunContext(callbacks=[MlflowLogger("http://127.0.0.1:1")]), tmp_path, CONFIG),
    ):
        pass
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ  # other users of MLflow keep its defaults


class Server:
    """A real MLflow server in its own processes, over the database of a folder."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = str(free.getsockname()[1])
        self.uri = f"http://127.0.0.1:{self._port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        database = f"sqlite:///{self._folder.as_posix()}/mlflow.db"
        options = ("--backend-store-uri", database, "--workers", "1", "--host", "127.0.0.1", "--port", self._port)
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *options],
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while not self._is_up():
            if self._process.poll() is not None:
                pytest.fail((self._folder / "server.log").read_text(errors="replace")[-2000:])
            time.sleep(0.2)

    def signal(self, number: int) -> None:
        """Send a signal to all of its processes."""
        if self._process is not None:
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        self._process = None

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    if sys.platform == "win32":
        pytest.skip("the server is killed and stopped by signals of POSIX")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("flask_cors", reason="the server of MLflow needs flask and flask-cors")
    server = Server(folder)
    server.start()
    yield server
    server.kill()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_that_dies_in_the_middle_gets_what_it_lacks_when_it_is_back(folder: Path, server: Server) -> None:
    run, warned = folder / "runs" / "killed", list[str]()
    run.mkdir()
    with logged(RunContext(callbacks=[MlflowLogger(server.uri)], warn=warned.append), run, CONFIG) as context:
        context.observer.on_start(PLAN, BEGIN)
        context.observer.on_round(BEFORE.records[-1], PLAN, BEFORE)
        server.kill()
        context.observer.on_round(SECOND.records[-1], PLAN, SECOND)
        context.observer.on_round(THIRD.records[-1], PLAN, THIRD)
        server.start()
        context.observer.on_round(WHOLE.records[-1], PLAN, WHOLE)
    (warning,) = warned
    assert "a later round, or the end, tries again" in warning
    assert_finished_with_each_step_once(folder, run)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_that_hangs_holds_up_training_for_seconds_and_a_resumed_run_sends_the_rest(
    folder: Path, server: Server
) -> None:
    run, warned = folder / "runs" / "hung", list[str]()
    run.mkdir()
    with logged(RunContext(callbacks=[MlflowLogger(server.uri)], warn=warned.append), run, CONFIG) as context:
        context.observer.on_start(PLAN, BEGIN)
        context.observer.on_round(BEFORE.records[-1], PLAN, BEFORE)
        server.signal(signal.SIGSTOP)
        began = time.monotonic()
        for progress in (SECOND, THIRD, *[WHOLE] * 20):
            context.observer.on_round(progress.records[-1], PLAN, progress)
    took = time.monotonic() - began
    server.signal(signal.SIGCONT)
    assert took < 60  # nine seconds; by MLflow's defaults, each round would take many minutes
    assert warned[1:] == [f"the log in `{server.uri}` lacks 6 rows, from step 15 on; a resumed run sends them"]
    with logged(RunContext(callbacks=[MlflowLogger(server.uri)]), run, CONFIG) as context:
        context.observer.on_start(PLAN, WHOLE)
    assert_finished_with_each_step_once(folder, run)
