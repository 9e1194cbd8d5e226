from pathlib import Path

import pytest

from nextword.system import sealed_directory
from support.sealed import FILES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sealed directory."""
    path = tmp_path / "sealed"
    sealed_directory.write(path, FILES)
    return path
