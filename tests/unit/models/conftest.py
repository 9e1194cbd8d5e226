from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def hasty_compiler() -> Iterator[None]:
    """Spare XLA its optimizations: so small a layer is compiled much longer than it is run."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
