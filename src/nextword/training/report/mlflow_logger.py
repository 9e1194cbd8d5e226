"""Logs a training run to MLflow."""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, override

from nextword.bundle.population import name_in_logs
from nextword.errors import MissingExtraError
from nextword.system.files import write_file
from nextword.training.report.run_logger import Row, RunLogger

_RUN_FILE = "mlflow.json"
_PACKAGES = ("mlflow", "alembic", "sqlalchemy")  # MLflow, and what it needs for a database
_MAX_METRICS = 1_000  # most metrics that MLflow takes at once
_RETRIES, _TIMEOUT = "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"
_AT_START = {_RETRIES: "1", _TIMEOUT: "10"}
_IN_TRAINING = {_RETRIES: "0", _TIMEOUT: "3"}
"""Training waits meanwhile; by default, MLflow waits two minutes for an answer, and tries for four more."""


class MlflowLogger(RunLogger):
    """A Keras callback that logs a run to MLflow: its settings as parameters, and its figures as metrics.

    The run directory remembers the MLflow run in `mlflow.json`, so a resumed run continues it. If the newest checkpoint
    is damaged, MLflow has steps that the resumed run lacks. A new MLflow run then replaces the old one, which remains.

    A server that does not answer holds up the training for about ten seconds in all: a request waits three seconds, and
    after two of them, the rest waits for the end of the run. The environment variables `MLFLOW_HTTP_REQUEST_TIMEOUT`
    and `MLFLOW_HTTP_REQUEST_MAX_RETRIES` override these limits.

    Args:
        place: A tracking URI such as `http://localhost:5000`, or a folder. In a folder, the log is the SQLite database
            `mlflow.db`.
        experiment: Name of the experiment; created if it is missing.

    Raises:
        MissingExtraError: MLflow is not installed.

    Example:
        >>> import nextword
        >>> nextword.train("austen", minutes=1, callbacks=[MlflowLogger("mlflow")])  # doctest: +SKIP
    """

    continuation: ClassVar[str] = "in a new MLflow run, which replaces the old one"

    def __init__(self, place: str | Path, experiment: str = "nextword") -> None:
        try:
            mlflow, *_ = map(import_module, _PACKAGES)
        except ImportError as error:
            raise MissingExtraError.of("logs for MLflow need mlflow-skinny", error.name, "mlflow") from error
        super().__init__(mlflow.exceptions.MlflowException, ValueError)  # an answer that is no JSON is a `ValueError`
        self.experiment = experiment
        self.folder = None if _is_uri(place) else Path(place).absolute()
        self.uri = str(place) if self.folder is None else f"sqlite:///{(self.folder / 'mlflow.db').as_posix()}"
        self.run_id = ""
        self._package: Any = mlflow
        self._client: Any = None
        self._run, self._settings = Path(), dict[str, str | float]()
        self._sent_at: dict[int, int] = {}

    def __str__(self) -> str:
        return f"`{self.folder or self.uri}`"

    @override
    def open(self, run: Path, settings: Mapping[str, str | float]) -> int:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        self._client = self._package.MlflowClient(tracking_uri=self.uri)
        self._run, self._settings = run, dict(settings)
        known = self._known_runs()
        with _limited(_AT_START):
            if self.uri not in known:
                return self._create_run()
            self.run_id = known[self.uri]
            self._client.update_run(self.run_id, "RUNNING")
            history = self._client.get_metric_history(self.run_id, "learning_rate")
        return max((metric.step for metric in history), default=-1)

    @override
    def forget_after(self, step: int) -> int:
        with _limited(_AT_START):  # MLflow cannot delete metrics
            self._client.set_terminated(self.run_id, "KILLED")
            return self._create_run()

    @override
    def write(self, rows: Sequence[Row]) -> None:
        now, batch = int(time.time() * 1000), list[Any]()
        with _limited(_IN_TRAINING):
            for step, figures in rows:  # all figures of a step in one call, so that a crash cannot part them
                # MLflow drops a metric that it has with the same time: what a lost answer was to arrives once.
                sent_at = self._sent_at.setdefault(step, now)
                metrics = [self._package.entities.Metric(name, value, sent_at, step) for name, value in figures.items()]
                if len(batch) + len(metrics) > _MAX_METRICS:
                    self._client.log_batch(self.run_id, metrics=batch)
                    batch = []
                batch += metrics
            self._client.log_batch(self.run_id, metrics=batch)
        self._sent_at.clear()

    @override
    def close(self, *, finished: bool) -> None:
        with _limited(_IN_TRAINING):
            self._client.set_terminated(self.run_id, "FINISHED" if finished else "KILLED")

    def _create_run(self) -> int:
        """Create an MLflow run, and return its last step: -1."""
        created = self._client.create_run(self._experiment_id(), run_name=name_in_logs(self._run))
        self.run_id = created.info.run_id
        if self._settings:
            entities = self._package.entities
            params = [entities.Param(name, str(value)) for name, value in self._settings.items()]
            self._client.log_batch(self.run_id, params=params)
            runs = {**self._known_runs(), self.uri: self.run_id}
            write_file(self._run / _RUN_FILE, (json.dumps(runs) + "\n").encode())
        return -1

    def _known_runs(self) -> dict[str, str]:
        """Return the MLflow runs of the run by tracking URI; none in Keras's own `fit`, which has no settings."""
        path = self._run / _RUN_FILE
        return json.loads(path.read_text("utf-8")) if path.is_file() and self._settings else {}

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self.experiment)
        if found is not None:
            return str(found.experiment_id)
        artifacts = None if self.folder is None else (self.folder / "artifacts").as_uri()
        return str(self._client.create_experiment(self.experiment, artifact_location=artifacts))


def _is_uri(place: str | Path) -> bool:
    """Return whether a place is a URI; a drive of Windows such as `C:` is none."""
    return isinstance(place, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+:|databricks$", place) is not None


@contextmanager
def _limited(limits: Mapping[str, str]) -> Iterator[None]:
    """Limit MLflow's requests within the block, unless the environment already does."""
    added = {name: value for name, value in limits.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
