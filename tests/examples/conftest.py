from collections.abc import Iterator

import pytest

from nextword.bundle.origin import sample_model_path
from support.started_service import started_service


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Host and port of a server of the sample model."""
    with started_service(sample_model_path("austen")) as url:
        yield url.removeprefix("http://").rstrip("/")
