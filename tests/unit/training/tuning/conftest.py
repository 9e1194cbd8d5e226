import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from nextword.training.tuning.study import Study
from nextword.training.tuning.study_settings import StudyDirectory
from support.postgresql import Server, postgresql_server
from support.small_studies import SETTINGS


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(StudyDirectory(tmp_path / "study"), SETTINGS)


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
