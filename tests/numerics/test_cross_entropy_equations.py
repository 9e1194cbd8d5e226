"""The fused loss and its gradients match the formulas in float64 NumPy."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.model.ops.cross_entropy import linear_cross_entropy
from support.arrays import slopes

Draw = Callable[..., NDArray[np.float32]]
Arrays = dict[str, NDArray[Any]]

TARGETS = np.array([0, 4, 2, 2, 1], np.int32)
WEIGHTS = np.array([1.0, 0.5, 0.0, 2.0, 1.0], np.float32)


def total_from_formula(arrays: Arrays, tied: bool) -> float:
    kernel = arrays["kernel"].T if tied else arrays["kernel"]
    logits = arrays["hidden"] @ kernel + arrays["bias"]
    losses = np.log(np.exp(logits).sum(axis=-1)) - logits[np.arange(len(TARGETS)), TARGETS]
    return float((WEIGHTS * losses).sum())


@pytest.mark.parametrize("tied", [False, True])
def test_total_and_gradients_match_the_formula(draw: Draw, monkeypatch: pytest.MonkeyPatch, tied: bool) -> None:
    monkeypatch.setattr("nextword.model.ops.cross_entropy._chunk_rows", lambda *_sizes: 2)
    arrays = {"hidden": draw(5, 3), "kernel": draw(5, 3) if tied else draw(3, 5), "bias": draw(5)}

    def total(arrays: Arrays) -> Any:
        kernel, bias = arrays["kernel"], arrays["bias"]
        return linear_cross_entropy(arrays["hidden"], TARGETS, WEIGHTS, kernel=kernel, bias=bias, tied=tied).total

    value, gradients = jax.jit(jax.value_and_grad(total))(arrays)
    exact = {name: array.astype(np.float64) for name, array in arrays.items()}
    np.testing.assert_allclose(value, total_from_formula(exact, tied), rtol=1e-6)
    for name in arrays:
        expected = slopes(partial(total_from_formula, tied=tied), exact, name)
        np.testing.assert_allclose(gradients[name], expected, rtol=1e-5, atol=2e-6, err_msg=name)
