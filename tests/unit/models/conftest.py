import importlib
from collections.abc import Iterator

import pytest

importlib.import_module("nextword")  # before any test imports Keras: it chooses the backend


@pytest.fixture(autouse=True, scope="package")
def hasty_compiler() -> Iterator[None]:
    """Spare XLA its optimizations: so small a layer is compiled much longer than it is run."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
