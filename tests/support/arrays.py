"""Comparison of named arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def assert_equal_to_the_bit(ours: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Fail if names, shapes, types or any number of two groups of arrays differ."""
    assert ours.keys() == expected.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name, strict=True)
