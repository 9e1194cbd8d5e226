"""What nextword sets up for training on this machine: a cache of compiled code, and an allocator that keeps memory."""

import ctypes
import hashlib
import os
import platform
from functools import cache
from pathlib import Path

_MAX_BYTES = 2**30

# Parameters of mallopt(3) and their values: M_ARENA_MAX, M_MMAP_MAX and M_TRIM_THRESHOLD in glibc's malloc.h.
_MALLOPT = ((-8, 1), (-4, 0), (-1, 2**31 - 1))


def use_compilation_cache(root: Path) -> Path | None:
    """Let JAX cache compiled functions under `root`, and return the folder; `None` if Keras runs on another backend.

    The folder's name depends on the processor's features: machine code for one processor may not run on another one
    that shares the home directory. JAX removes the oldest entries when the folder exceeds a gigabyte. A cache that the
    user has configured (`JAX_COMPILATION_CACHE_DIR`) stays in use. If `root` cannot be written, there is no cache.
    """
    import keras

    if keras.backend.backend() != "jax":
        return None
    import jax

    if jax.config.jax_compilation_cache_dir:
        return Path(jax.config.jax_compilation_cache_dir)
    folder = root / "compiled" / f"jax-{jax.__version__}-{_processor_key()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", _MAX_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    return folder


def _processor_key() -> str:
    """Return a short name that identifies the features of this processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = [platform.processor()]
    features = {
        line.partition(":")[2].strip() for line in lines if line.startswith(("flags", "Features", "model name"))
    }
    return hashlib.sha256("\n".join([platform.machine(), *sorted(features)]).encode()).hexdigest()[:12]


@cache
def keep_freed_memory() -> bool:
    """Let the memory allocator of this process keep freed memory, and return whether it does.

    All threads share one arena. It is never trimmed, and large blocks are not mapped separately. Call this before the
    training framework starts its threads. Nothing changes if the allocator is not glibc's, or if the environment
    variable `NEXTWORD_KEEP_MEMORY` is 0.

    Source:
        mallopt(3).
    """
    if os.environ.get("NEXTWORD_KEEP_MEMORY") == "0":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
        ctypes.CDLL(None).gnu_get_libc_version  # noqa: B018 - only glibc has it
    except (AttributeError, OSError, TypeError):
        return False
    return all(mallopt(parameter, value) == 1 for parameter, value in _MALLOPT)
