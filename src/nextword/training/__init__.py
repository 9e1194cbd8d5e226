"""The training wing: windows to weights."""

from importlib import import_module

from nextword.errors import MissingExtraError
from nextword.system.framework import keep_freed_memory

_FRAMEWORK = ("jax", "keras", "scipy")


def require_framework() -> None:
    """Import what training needs from the extra `train`, which takes a second or two."""
    keep_freed_memory()  # before Keras imports pandas, if that is installed, whose threads take memory of their own
    for name in _FRAMEWORK:
        try:
            import_module(name)
        except ImportError as error:
            raise MissingExtraError.of("training needs Keras and JAX", error.name, "train") from error
