"""How much memory a compiled function needs."""

from typing import Any

import pytest


def temporary_bytes(function: Any, *arguments: Any) -> int:
    """Return what a function from `jax.jit` needs beside its arguments and results.

    Where this JAX cannot tell, the test is skipped and says so.

    Args:
        function: From `jax.jit`.
        arguments: Arrays, or the shape and the type of one.
    """
    import jax

    described = [jax.ShapeDtypeStruct(*kind) if isinstance(kind, tuple) else kind for kind in arguments]
    analysis = function.lower(*described).compile().memory_analysis()
    if analysis is None:
        pytest.skip("this JAX cannot tell how much memory a compiled function needs")
    return int(analysis.temp_size_in_bytes)
