"""Logs a training run to MLflow."""

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, override

from nextword.errors import MissingExtraError
from nextword.storage.single_file import write_file
from nextword.training.run_logger import Row, RunLogger

_RUN_FILE = "mlflow.json"
_PACKAGES = ("mlflow", "alembic", "sqlalchemy")
"""MLflow, and what it needs for a database."""
_MOST_METRICS = 1_000
"""Most metrics that MLflow takes at once."""


class MlflowLogger(RunLogger):
    """A Keras callback that logs a run to MLflow: its settings as parameters, and its figures as metrics.

    The run directory remembers the MLflow run in `mlflow.json`, so a resumed run continues it.

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

    def __init__(self, place: str | Path, experiment: str = "nextword") -> None:
        try:
            mlflow, *_ = map(import_module, _PACKAGES)
        except ImportError as error:
            raise MissingExtraError.of("logs for MLflow need mlflow-skinny", error.name, "mlflow") from error
        super().__init__(mlflow.exceptions.MlflowException)
        # Training waits meanwhile; by default, MLflow tries for four minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        self.experiment = experiment
        self.folder = None if _is_uri(place) else Path(place).absolute()
        self.uri = str(place) if self.folder is None else f"sqlite:///{(self.folder / 'mlflow.db').as_posix()}"
        self.run_id = ""
        self._package: Any = mlflow
        self._client: Any = None

    def __str__(self) -> str:
        return f"`{self.folder or self.uri}`"

    @override
    def open(self, run: Path, settings: Mapping[str, str | float]) -> int:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        self._client = self._package.MlflowClient(tracking_uri=self.uri)
        path = run / _RUN_FILE
        known = json.loads(path.read_text("utf-8")) if path.is_file() and settings else {}
        if self.uri in known:
            self.run_id = known[self.uri]
            self._client.update_run(self.run_id, "RUNNING")
            history = self._client.get_metric_history(self.run_id, "learning_rate")
            return max((metric.step for metric in history), default=-1)
        created = self._client.create_run(self._experiment_id(), run_name=run.absolute().name)
        self.run_id = created.info.run_id
        if settings:
            entities = self._package.entities
            params = [entities.Param(name, str(value)) for name, value in settings.items()]
            self._client.log_batch(self.run_id, params=params)
            write_file(path, (json.dumps({**known, self.uri: self.run_id}) + "\n").encode())
        return -1

    @override
    def write(self, rows: Sequence[Row]) -> None:
        now, batch = int(time.time() * 1000), list[Any]()
        for step, figures in rows:  # all figures of a step in one call, so that a crash cannot part them
            metrics = [self._package.entities.Metric(name, value, now, step) for name, value in figures.items()]
            if len(batch) + len(metrics) > _MOST_METRICS:
                self._client.log_batch(self.run_id, metrics=batch)
                batch = []
            batch += metrics
        self._client.log_batch(self.run_id, metrics=batch)

    @override
    def close(self, *, finished: bool) -> None:
        self._client.set_terminated(self.run_id, "FINISHED" if finished else "KILLED")

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self.experiment)
        if found is not None:
            return str(found.experiment_id)
        artifacts = None if self.folder is None else (self.folder / "artifacts").as_uri()
        return str(self._client.create_experiment(self.experiment, artifact_location=artifacts))


def _is_uri(place: str | Path) -> bool:
    """Return whether a place is a URI; a drive of Windows such as `C:` is none."""
    return isinstance(place, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+:|databricks$", place) is not None
