"""Find a Python that has the packages of a peer."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from harness.process import PeerError

Interpreter = Callable[[], Sequence[str]]
"""Returns the command of a Python, or raises `PeerError`."""

VARIABLES = {"torch": "NEXTWORD_PYTORCH", "lm_eval": "NEXTWORD_LM_EVAL"}
"""The environment variable that names a Python with a module."""

KEPT_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""Variables by which glibc keeps freed memory, in huge pages; by default it faults large blocks again in every step."""

# Made by `make peers`.
_ENVIRONMENTS = Path(__file__).resolve().parents[1] / "environments"
_FOLDERS = {"torch": "pytorch", "lm_eval": "lm_eval"}
_ON_PATH = ("python3.11", "python3")
# Looking for torch takes a twentieth of the time of importing it.
_QUESTION = "import importlib.util, sys; sys.exit(importlib.util.find_spec({!r}) is None)"


def own_interpreter() -> Sequence[str]:
    """Return the command of this Python."""
    return (sys.executable,)


@cache
def interpreter_with(module: str, named: str | None = None) -> Sequence[str]:
    """Return the command of a Python with a module of `VARIABLES`.

    It is the named one, or the one in the environment variable, or the first with the module among the one that
    `make peers` made, this Python, and `python3.11` and `python3` on the path.

    Raises:
        PeerError: The named one does not have the module, or none does.
    """
    chosen = named or os.environ.get(VARIABLES[module])
    if chosen:
        if not _has(module, chosen):
            raise PeerError(f"no interpreter with {module}: {chosen} was named, but cannot import it")
        return _isolated(chosen)
    candidates = _candidates(module)
    for candidate in candidates:
        if _has(module, candidate):
            return _isolated(candidate)
    raise PeerError(
        f"no interpreter with {module}: looked at {', '.join(candidates)}; name one by `{VARIABLES[module]}`, or make "
        "one by `make peers`"
    )


def _candidates(module: str) -> list[str]:
    environment = _ENVIRONMENTS / _FOLDERS[module] / "bin" / "python"
    on_path = [path for name in _ON_PATH if (path := shutil.which(name))]
    return list(dict.fromkeys([*([str(environment)] if environment.exists() else []), sys.executable, *on_path]))


def _has(module: str, interpreter: str) -> bool:
    command = [*_isolated(interpreter), "-c", _QUESTION.format(module)]
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _isolated(interpreter: str) -> Sequence[str]:
    # Without PYTHONPATH and similar variables, which are meant for the Python that runs nextword.
    return (interpreter, "-E")
