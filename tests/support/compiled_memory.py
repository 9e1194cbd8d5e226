"""The memory of a compiled function."""

from typing import Any

import pytest


def temporary_bytes(function: Any, *arguments: Any) -> int:
    """Return the temporary memory of a function from `jax.jit` in bytes.

    The test is skipped if this version of JAX does not report it.

    Args:
        function: Result of `jax.jit`.
        arguments: Arrays, or their shapes and types.
    """
    import jax

    described = [jax.ShapeDtypeStruct(*kind) if isinstance(kind, tuple) else kind for kind in arguments]
    analysis = function.lower(*described).compile().memory_analysis()
    if analysis is None:
        pytest.skip("this JAX cannot tell how much memory a compiled function needs")
    return int(analysis.temp_size_in_bytes)
