"""The training wing: windows to weights."""

from types import ModuleType

from nextword.errors import MissingExtraError


def import_start() -> ModuleType:
    """Import `nextword.training.start`, which needs the training framework.

    Raises:
        MissingExtraError: The extra `train` is not installed.
    """
    try:
        from nextword.training import start
    except ImportError as error:
        raise MissingExtraError.of("training needs Keras and JAX", error.name, "train") from error
    return start
