import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from nextword.model.ops import precision
from nextword.model.ops.precision import bfloat16_speedup, measure_product_peak, resolve_compute_dtype
from nextword.system.framework import ComputeDtype


@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
def test_a_requested_precision_is_used_without_measurement(
    monkeypatch: pytest.MonkeyPatch, asked: ComputeDtype
) -> None:
    monkeypatch.delattr(precision, "bfloat16_speedup")
    assert resolve_compute_dtype(asked) == asked


@pytest.mark.parametrize(
    ("speedup", "chosen"), [(0.4, "float32"), (1.0, "float32"), (1.29, "float32"), (1.3, "bfloat16"), (2.0, "bfloat16")]
)
def test_bfloat16_is_chosen_for_a_sufficient_speedup(
    monkeypatch: pytest.MonkeyPatch, speedup: float, chosen: str
) -> None:
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: speedup)
    assert resolve_compute_dtype("auto") == chosen


def test_the_speedup_is_measured_once_a_process() -> None:
    first = bfloat16_speedup()
    assert first > 0
    assert math.isfinite(first)
    assert bfloat16_speedup() == first


def test_one_disturbed_measurement_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"float32": iter([5.0, 2.0, 9.0, 2.0]), "bfloat16": iter([7.0, 7.0, 1.0, 3.0])}
    monkeypatch.setattr(precision, "_product_seconds", lambda dtype: next(seconds[dtype]))
    assert bfloat16_speedup.__wrapped__() == 2.0


def test_the_shortest_run_counts_and_the_first_run_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[None] = []
    seconds = iter([1.0, 4.0, 9.0, 2.0])

    def clock() -> Iterator[float]:
        now = 100.0
        while True:
            yield now
            now += next(seconds)
            yield now

    ticks = clock()
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    assert precision.shortest_seconds(lambda: runs.append(None), repeats=3) == 2.0
    assert len(runs) == 4


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_product_is_multiplied_in_the_precision_asked_for(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    product, seen = precision._peak_product, set()

    def watched(left: Any, right: Any) -> Any:
        result = product(left, right)
        seen.add((str(left.dtype), str(right.dtype), str(result.dtype)))
        return result

    monkeypatch.setattr(precision, "_SHAPES", ((4, 8, 16),))
    monkeypatch.setattr(precision, "_peak_product", watched)
    assert measure_product_peak(dtype, seconds=0) > 0
    assert seen == {(dtype, dtype, "float32")}


def test_the_peak_is_the_best_run_of_the_best_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    # For each shape the beginning, then start and end of each run: of 2, 1 and 4 seconds, and of 5 and 5.
    times = iter([0, 0, 2, 2, 3, 3, 7, 10, 10, 15, 15, 20])
    monkeypatch.setattr(precision, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    monkeypatch.setattr(precision, "_SHAPES", ((2, 3, 5), (2, 3, 10)))
    assert measure_product_peak("float32", seconds=12.0) == 2 * 2 * 3 * 5 / 1.0
    assert next(times, None) is None
