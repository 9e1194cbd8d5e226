from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from nextword.inference.rescoring.nbest import LineSource, NbestList, NbestReader
from support.nbest_lists import new_engine
from support.toy_engine import ToyEngine


@pytest.fixture
def toy_engine() -> ToyEngine:
    return new_engine()


@pytest.fixture
def read_lists(tmp_path: Path) -> Callable[..., tuple[NbestReader, list[NbestList]]]:
    """Reads the lists of a text; returns reader and lists."""

    def read(text: str, score_names: Sequence[str] | None = None) -> tuple[NbestReader, list[NbestList]]:
        path = tmp_path / "nbest"
        path.write_text(text, encoding="utf-8")
        reader = NbestReader(LineSource(str(path)), score_names=score_names)
        return reader, list(reader)

    return read
