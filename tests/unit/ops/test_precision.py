import math

import pytest

from nextword.ops import precision
from nextword.ops.precision import ComputeDtype, bfloat16_speedup, resolve_compute_dtype


@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
def test_a_precision_asked_for_is_taken_without_measuring(monkeypatch: pytest.MonkeyPatch, asked: ComputeDtype) -> None:
    monkeypatch.delattr(precision, "bfloat16_speedup")
    assert resolve_compute_dtype(asked) == asked


@pytest.mark.parametrize(
    ("speedup", "chosen"), [(0.4, "float32"), (1.0, "float32"), (1.29, "float32"), (1.3, "bfloat16"), (2.0, "bfloat16")]
)
def test_bfloat16_is_chosen_where_it_is_worth_its_loss(
    monkeypatch: pytest.MonkeyPatch, speedup: float, chosen: str
) -> None:
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: speedup)
    assert resolve_compute_dtype("auto") == chosen


def test_the_speedup_is_measured_once_a_process() -> None:
    first = bfloat16_speedup()
    assert first > 0
    assert math.isfinite(first)
    assert bfloat16_speedup() == first


def test_a_backend_without_the_fast_path_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.backend.backend", lambda: "another")
    assert bfloat16_speedup.__wrapped__() == 1.0
