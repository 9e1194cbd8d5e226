"""A run that lost its newest checkpoint is resumed, and its logs hold each step once."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.progress import TrainingProgress
from nextword.training.report.history import read_log, read_points
from nextword.training.report.mlflow_logger import MlflowLogger
from nextword.training.report.run_logger import RunLogger, rows_of
from nextword.training.report.tensorboard_logger import TensorBoardLogger, read_scalars
from support.tensorboard_reader import shown_by_tensorboard
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


def train_lose_and_resume(folder: Path, logger: Callable[[], RunLogger]) -> tuple[list[str], TrainingProgress]:
    """Train, flip a byte of the newest checkpoint, and resume; return the warnings, and what the run has logged."""
    text, root = folder / "story.txt", folder / "run"
    text.write_text("the big cat saw the small dog\na dog saw the cat\n" * 150, encoding="utf-8")
    start_run(CONFIG, text, root, RunContext(callbacks=[logger()]))
    newest = max((root / "checkpoints").glob("step-*")) / "arrays.safetensors"
    content = bytearray(newest.read_bytes())
    content[-1] ^= 1
    newest.write_bytes(content)
    warned: list[str] = []
    resume_run(root, RunContext(callbacks=[logger()], warn=warned.append))
    return warned, TrainingProgress(read_log(root / "log.jsonl"), points=read_points(root / "points.jsonl"))


def rounded(rows: list[tuple[int, dict[str, float]]]) -> list[tuple[int, dict[str, float]]]:
    """Return figures without what float32 adds to them."""
    return [(step, {name: float(f"{value:.6g}") for name, value in figures.items()}) for step, figures in rows]


def assert_told(warned: list[str], *parts: str) -> None:
    damaged, behind = warned
    assert damaged.endswith("it is skipped")
    for part in parts:
        assert part in behind


def test_tensorboard_shows_each_step_of_the_resumed_run_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs the extra `tensorboard`")
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    logs = tmp_path / "logs"
    warned, progress = train_lose_and_resume(tmp_path, lambda: TensorBoardLogger(logs))
    last = progress.steps
    assert last > 40
    assert_told(warned, f"{last} steps, but the newest valid checkpoint has {last // 20 * 20 - 20 * (last % 20 == 0)}")
    expected = rounded([(step, dict(figures)) for step, figures in rows_of(progress)])
    assert rounded(shown_by_tensorboard(logs)) == rounded(read_scalars(logs)) == expected


def test_a_new_mlflow_run_holds_each_step_of_the_resumed_run_once(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of MLflow's own packages
        mlflow: Any = pytest.importorskip("mlflow", reason="needs the extra `mlflow`")
        pytest.importorskip("alembic", reason="needs the extra `mlflow`")
        warned, progress = train_lose_and_resume(tmp_path, lambda: MlflowLogger(tmp_path / "logs"))
        client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path.as_posix()}/logs/mlflow.db")
        experiment = client.get_experiment_by_name("nextword")
        newer, older = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])
        found = {name: client.get_metric_history(newer.info.run_id, name) for name in newer.data.metrics}
    assert_told(warned, "in a new MLflow run, which replaces the old one")
    assert (newer.info.status, older.info.status) == ("FINISHED", "KILLED")
    assert newer.info.run_name == older.info.run_name == "run"
    expected: dict[str, list[tuple[int, float]]] = {}
    for step, figures in rows_of(progress):
        for name, value in figures.items():
            expected.setdefault(name, []).append((step, value))
    assert {name: sorted((each.step, each.value) for each in history) for name, history in found.items()} == expected
