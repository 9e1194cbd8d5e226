from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def hasty_compiler() -> Iterator[None]:
    """Disable XLA's optimizations: small layers take much longer to compile than to run."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
