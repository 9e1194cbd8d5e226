"""Find a Python with PyTorch."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from harness.speed.peer import PeerError

VARIABLE = "NEXTWORD_PYTORCH"

# Made by `make peers`.
_ENVIRONMENT = Path(__file__).resolve().parents[2] / "environments" / "pytorch" / "bin" / "python"
_ON_PATH = ("python3.11", "python3")
# Looking for torch takes a twentieth of the time of importing it.
_QUESTION = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"


def own_interpreter() -> Sequence[str]:
    """Return the command of this Python."""
    return (sys.executable,)


@cache
def pytorch_interpreter(named: str | None = None) -> Sequence[str]:
    """Return the command of a Python with PyTorch.

    It is the named one, else that of the environment variable NEXTWORD_PYTORCH, else the first with
    PyTorch among `benchmarks/environments/pytorch`, this Python, and `python3.11` and `python3` on the path.

    Raises:
        PeerError: The named one has no PyTorch, or none has.
    """
    chosen = named or os.environ.get(VARIABLE)
    if chosen:
        if not _has_torch(chosen):
            raise PeerError(f"no interpreter with torch: {chosen} was named, but cannot import it")
        return _isolated(chosen)
    for candidate in _candidates():
        if _has_torch(candidate):
            return _isolated(candidate)
    raise PeerError(
        f"no interpreter with torch: looked at {', '.join(_candidates())}; name one by `--pytorch` or {VARIABLE}, or "
        "make one by `make peers`"
    )


def _candidates() -> list[str]:
    environment = [str(_ENVIRONMENT)] if _ENVIRONMENT.exists() else []
    on_path = [path for name in _ON_PATH if (path := shutil.which(name))]
    return list(dict.fromkeys([*environment, sys.executable, *on_path]))


def _has_torch(interpreter: str) -> bool:
    try:
        answer = subprocess.run(
            [*_isolated(interpreter), "-c", _QUESTION], capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def _isolated(interpreter: str) -> Sequence[str]:
    # Without PYTHONPATH and similar variables, which are meant for the Python that runs nextword.
    return (interpreter, "-E")
