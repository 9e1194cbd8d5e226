"""A run that lost its newest checkpoint is resumed, and its log in MLflow holds each step once."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.progress import TrainingProgress
from nextword.training.report.history import read_log, read_points
from nextword.training.report.mlflow_logger import MlflowLogger
from nextword.training.report.run_logger import rows_of
from support.whole_runs import resume_run, start_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CONFIG = RunConfig.of(
    "quick",
    {
        "model": {"embedding_size": 8, "hidden_sizes": [8]},
        "batching": {"batch_size": 4, "num_steps": 8},
        "training": {"epochs": 1.5, "round_steps": 20, "learning_rate": 0.02, "compute_dtype": "float32"},
        "text": {"minimum_count": 1},
    },
)


def test_a_new_mlflow_run_holds_each_step_of_the_resumed_run_once(tmp_path: Path) -> None:
    text, root, warned = tmp_path / "story.txt", tmp_path / "run", list[str]()
    text.write_text("the big cat saw the small dog\na dog saw the cat\n" * 150, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of MLflow's own packages
        mlflow: Any = pytest.importorskip("mlflow", reason="needs the extra `mlflow`")
        pytest.importorskip("alembic", reason="needs the extra `mlflow`")
        start_run(CONFIG, text, root, RunContext(callbacks=[MlflowLogger(tmp_path / "logs")]))
        newest = max((root / "checkpoints").glob("step-*")) / "arrays.safetensors"
        newest.write_bytes(newest.read_bytes()[:-1] + b"?")
        resume_run(root, RunContext(callbacks=[MlflowLogger(tmp_path / "logs")], warn=warned.append))
        client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path.as_posix()}/logs/mlflow.db")
        experiment = client.get_experiment_by_name("nextword")
        newer, older = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])
        found = {name: client.get_metric_history(newer.info.run_id, name) for name in newer.data.metrics}
    damaged, behind = warned
    assert damaged.endswith("it is skipped")
    progress = TrainingProgress(read_log(root / "log.jsonl"), points=read_points(root / "points.jsonl"))
    last = progress.steps
    assert f"{last} steps, but the newest valid checkpoint has {last // 20 * 20 - 20 * (last % 20 == 0)}" in behind
    assert "in a new MLflow run, which replaces the old one" in behind
    assert (newer.info.status, older.info.status) == ("FINISHED", "KILLED")
    assert newer.info.run_name == older.info.run_name == "run"
    expected: dict[str, list[tuple[int, float]]] = {}
    for step, figures in rows_of(progress):
        for name, value in figures.items():
            expected.setdefault(name, []).append((step, value))
    assert {name: sorted((each.step, each.value) for each in history) for name, history in found.items()} == expected
