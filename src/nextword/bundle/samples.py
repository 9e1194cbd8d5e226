"""Models that ship with nextword, known by name."""

import atexit
from contextlib import ExitStack
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from nextword.errors import BundleError

SAMPLE_MODELS = ("austen",)
"""The names of the sample models. Each is trained on the sample text of the same name."""

SAMPLE_LICENSES = {"austen": "the text is in the public domain"}
"""What the model card of a model that starts from a sample says about its rights."""


@cache
def sample_model_path(name: str) -> Path:
    """Return the directory of a sample model. If the package is an archive, it is unpacked until the program ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(as_file(files("nextword.bundle") / "samples" / name))


def sample_model_name(path: Path) -> str | None:
    """Return the name of the sample model in a directory, or `None` if the directory holds another model."""
    resolved = path.resolve()
    return next((name for name in SAMPLE_MODELS if sample_model_path(name).resolve() == resolved), None)


def refuse_sample(path: Path) -> None:
    """Refuse to write into the directory of a sample model."""
    if name := sample_model_name(path):
        raise BundleError(f"the sample model `{name}` is part of nextword and is read-only; choose another directory")
