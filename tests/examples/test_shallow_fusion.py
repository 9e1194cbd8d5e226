"""The example does what it says: with the model fewer words are wrong."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "ctc" / "shallow_fusion.py"


@pytest.fixture(scope="module")
def example() -> Any:
    specification = importlib.util.spec_from_file_location("shallow_fusion", EXAMPLE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_word_error_rate_falls_with_the_model(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    by_sound, with_model = example.main(["--lines", "12", "--beam-size", "12", "--show", "1"])
    told = capsys.readouterr().out
    assert "said        " in told
    assert f"{by_sound:.1%} by sound alone, {with_model:.1%} with the model" in told
    assert with_model < 0.7 * by_sound
    assert 0.2 < by_sound < 0.9
