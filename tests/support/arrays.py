"""Comparison of named arrays, and numerical derivatives."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def assert_equal_to_the_bit(ours: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Fail if names, shapes, types or any number of two groups of arrays differ."""
    assert ours.keys() == expected.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name, strict=True)


def assert_near(ours: Any, theirs: Any, tolerance: float) -> None:
    """Compare trees of float32 arrays to a tolerance relative to the largest number of each array, or to 1."""
    import jax

    named, expected = (jax.tree_util.tree_flatten_with_path(tree)[0] for tree in (ours, theirs))
    assert [path for path, _ in named] == [path for path, _ in expected]
    for (path, our), (_, their) in zip(named, expected, strict=True):
        array, exact = np.asarray(our), np.asarray(their)
        assert (array.shape, array.dtype) == (exact.shape, np.float32), path
        scale = max(1.0, float(np.abs(exact).max()))
        np.testing.assert_allclose(array, exact, rtol=0, atol=tolerance * scale, err_msg=str(path))


def slopes(function: Callable[[dict[str, Floats]], float], at: dict[str, Floats], name: str) -> Floats:
    """Return the derivatives for each element of an array by central differences."""
    found, step = np.zeros(at[name].shape), 1e-5
    for index in np.ndindex(found.shape):
        ends = []
        for sign in (1, -1):
            moved = {**at, name: at[name].copy()}
            moved[name][index] += sign * step
            ends.append(function(moved))
        found[index] = (ends[0] - ends[1]) / (2 * step)
    return found
