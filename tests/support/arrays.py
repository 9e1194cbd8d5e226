"""Comparison of named arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np


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
