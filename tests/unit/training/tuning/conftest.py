import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nextword.training.config import RunConfig
from nextword.training.tuning.study import Study
from nextword.training.tuning.study_settings import StudyDirectory, StudySettings, SweepOptions
from support.postgresql import Server, postgresql_server

SEARCH = {"training": {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}}}


@pytest.fixture(scope="session")
def base() -> RunConfig:
    """Settings of a model that trains in a moment."""
    tables: dict[str, dict[str, Any]] = {
        "model": {"embedding_size": 8, "hidden_sizes": [8]},
        "batching": {"batch_size": 4, "num_steps": 8},
        "training": {"epochs": 1, "learning_rate": 0.02, "compute_dtype": "float32"},
        "text": {"minimum_count": 1},
    }
    return RunConfig.of("quick", tables)


@pytest.fixture
def settings(base: RunConfig) -> StudySettings:
    return StudySettings(SweepOptions(trials=3, rounds=4), "story.txt", base, SEARCH)


@pytest.fixture
def study(tmp_path: Path, settings: StudySettings) -> Study:
    return Study(StudyDirectory(tmp_path / "study"), settings)


@pytest.fixture(scope="session")
def folder_without_test(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text in a folder without a test split."""
    folder, chosen = tmp_path_factory.mktemp("text"), random.Random(0)
    for name, lines in (("train", 300), ("valid", 40)):
        words = "".join(
            " ".join(chosen.choices(["a", "big", "cat", "saw", "the", "dog"], k=6)) + "\n" for _ in range(lines)
        )
        (folder / f"{name}.txt").write_text(words, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server."""
    with postgresql_server() as server:
        yield server
