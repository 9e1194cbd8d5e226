from types import SimpleNamespace
from typing import Any

import pytest

from nextword.model.ops import product_peak
from nextword.model.ops.product_peak import measure_product_peak


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_product_is_multiplied_in_the_precision_asked_for(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    product, seen = product_peak._product, set()

    def watched(left: Any, right: Any) -> Any:
        result = product(left, right)
        seen.add((str(left.dtype), str(right.dtype), str(result.dtype)))
        return result

    monkeypatch.setattr(product_peak, "_SHAPES", ((4, 8, 16),))
    monkeypatch.setattr(product_peak, "_product", watched)
    assert measure_product_peak(dtype, seconds=0) > 0
    assert seen == {(dtype, dtype, "float32")}


def test_the_peak_is_the_best_run_of_the_best_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    # For each shape the beginning, then start and end of each run: of 2, 1 and 4 seconds, and of 5 and 5.
    times = iter([0, 0, 2, 2, 3, 3, 7, 10, 10, 15, 15, 20])
    monkeypatch.setattr(product_peak, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    monkeypatch.setattr(product_peak, "_SHAPES", ((2, 3, 5), (2, 3, 10)))
    assert measure_product_peak("float32", seconds=12.0) == 2 * 2 * 3 * 5 / 1.0
    assert next(times, None) is None
