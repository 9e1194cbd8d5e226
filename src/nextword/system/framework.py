"""The installed training framework, its configuration, and what is set up for it: compiled code, kept memory."""

import ctypes
import hashlib
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from nextword.errors import SettingError

ComputeDtype = Literal["auto", "float32", "bfloat16"]
"""Precision of matrix products. `auto` is the one that is faster on this processor."""

_PACKAGES = ("keras", "jax", "jaxlib", "numpy")
_MAX_BYTES = 2**30  # the largest size of the compiled functions on disk

# Parameters of mallopt(3) and their values: M_ARENA_MAX, M_MMAP_MAX and M_TRIM_THRESHOLD in glibc's malloc.h.
_MALLOPT = ((-8, 1), (-4, 0), (-1, 2**31 - 1))
_RESERVED_BYTES, _HUGE_PAGE_BYTES, _MADV_HUGEPAGE = 2**30, 2**21, 14


@dataclass(frozen=True, kw_only=True)
class Framework:
    """Keras and its backend."""

    backend: str  # the backend that Keras uses; the configured one if Keras cannot be imported
    devices: tuple[str, ...] = ()  # the devices that JAX computes on; empty on other backends
    missing: str | None = None  # the package that is not installed; `None` if all are
    failure: str | None = None  # the error of the framework; `None` if it works

    @property
    def usable(self) -> bool:
        """Whether a training run could start."""
        return self.missing is None and self.failure is None


def read_versions() -> dict[str, str | None]:
    """Return the version of each package that training depends on, `None` for those that are not installed."""
    return {name: _version(name) for name in ("nextword", *_PACKAGES)}


def read_framework() -> Framework:
    """Import Keras and its backend, and return their configuration, or why they do not work."""
    asked = os.environ.get("KERAS_BACKEND", "jax")
    keep_freed_memory()
    try:
        import keras

        backend = keras.backend.backend()
        return Framework(backend=backend, devices=_devices() if backend == "jax" else ())
    except ImportError as error:
        return Framework(backend=asked, missing=error.name or str(error))
    except Exception as error:  # the diagnosis reports any error of a framework and continues
        return Framework(backend=asked, failure=f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": "))


def require_jax() -> None:
    """Raise `SettingError` if Keras does not run on JAX."""
    import keras

    if (backend := keras.backend.backend()) != "jax":
        raise SettingError(
            f"nextword needs Keras on the backend jax, but it runs on {backend}; set `KERAS_BACKEND=jax`"
        )


def is_older(version: str | None, than: tuple[int, ...]) -> bool:
    """Return whether a version is older than another; `False` if it is unknown."""
    if version is None:
        return False
    numbers = tuple(int(part) for part in version.split(".")[: len(than)] if part.isdigit())
    return numbers < than


def speed_environment() -> dict[str, str]:
    """Return the environment variables that affect the speed of training."""
    prefixes = ("JAX_", "XLA_", "OMP_", "MKL_", "KMP_", "MALLOC_")
    names = ("CUDA_VISIBLE_DEVICES", "LD_PRELOAD", "NPROC")
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(prefixes) or name in names}


def _devices() -> tuple[str, ...]:
    import jax

    return tuple(
        device.platform if device.device_kind == device.platform else f"{device.platform}: {device.device_kind}"
        for device in jax.devices()
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def read_nvidia_gpus(driver: Path = Path("/proc/driver/nvidia/gpus")) -> tuple[str, ...]:
    """Return the names of the NVIDIA GPUs that have a driver."""
    found = [information.read_text(encoding="utf-8") for information in sorted(driver.glob("*/information"))]
    if found:
        models = (re.search(r"^Model:(.*)", text, re.MULTILINE) for text in found)
        return tuple(model[1].strip() if model else "unknown" for model in models)
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        command = [program, "--query-gpu=name", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(line.strip() for line in done.stdout.splitlines() if line.strip()) if done.returncode == 0 else ()


def use_compilation_cache(root: Path) -> Path | None:
    """Let JAX cache compiled functions under `root`, and return the folder.

    The folder's name depends on the processor's features: machine code for one processor may not run on another one
    that shares the home directory. JAX removes the oldest entries when the folder exceeds a gigabyte. A cache that the
    user has configured (`JAX_COMPILATION_CACHE_DIR`) stays in use. If `root` cannot be written, there is no cache.
    """
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
    """Let the memory allocator of this process keep freed memory, in huge pages, and return whether it does.

    All threads share one arena. It is never trimmed, and large blocks are not mapped separately. Call this before any
    other thread takes memory: an arena that it has stays, threads that start later may get it too, and there a block of
    64 MB is mapped each time. Importing Keras starts such threads where pandas is installed. Nothing changes if the
    allocator is not glibc's, or if the environment variable `NEXTWORD_KEEP_MEMORY` is 0.

    Source:
        mallopt(3).
    """
    if os.environ.get("NEXTWORD_KEEP_MEMORY") == "0":
        return False
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018 - only glibc has it
    except (AttributeError, OSError, TypeError):
        return False
    is_kept = all(libc.mallopt(parameter, value) == 1 for parameter, value in _MALLOPT)
    if is_kept and platform.system() == "Linux":
        _use_huge_pages(libc)
    return is_kept


def _use_huge_pages(libc: ctypes.CDLL) -> None:
    """Let the kernel back the next gigabyte of the heap by pages of 2 MB: the processor looks up fewer of them.

    The gigabyte is taken and freed, but not touched, and never trimmed. Without room for it, nothing changes.

    Source:
        madvise(2).
    """
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if block := libc.malloc(_RESERVED_BYTES):
        aligned = -(-block // _HUGE_PAGE_BYTES) * _HUGE_PAGE_BYTES
        libc.madvise(aligned, _RESERVED_BYTES - _HUGE_PAGE_BYTES, _MADV_HUGEPAGE)
        libc.free(block)
