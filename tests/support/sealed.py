"""Files of sealed directories."""

from pathlib import Path

FILES = {"a.txt": b"alpha", "b.bin": bytes(range(256)), "empty": b""}
NEWER = {"a.txt": b"newer", "c": b"gamma"}


def names(path: Path) -> set[str]:
    """Return the names in a directory."""
    return {entry.name for entry in path.iterdir()}
