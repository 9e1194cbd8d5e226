import os
from pathlib import Path

import pytest
from hypothesis import settings

# No test may fail because the machine is busy.
settings.register_profile("nextword", deadline=None)
settings.load_profile("nextword")

# Some tests import Keras before nextword, which would have set this.
os.environ.setdefault("KERAS_BACKEND", "jax")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep derived files of tests out of the user's cache."""
    patch = pytest.MonkeyPatch()
    patch.setenv("NEXTWORD_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def data_dir() -> Path:
    """The folder of corpora that may not be shipped; without it the test is skipped and says so."""
    folder = os.environ.get("NEXTWORD_DATA", "")
    if not Path(folder, "ptb", "ptb.train.txt").is_file():
        pytest.skip("needs the Penn Treebank: set NEXTWORD_DATA to a folder with ptb/ptb.train.txt")
    return Path(folder)
