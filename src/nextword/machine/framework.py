"""The installed training framework and its configuration."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

ComputeDtype = Literal["auto", "float32", "bfloat16"]
"""Precision of matrix products. `auto` is the one that is faster on this processor."""

_PACKAGES = ("keras", "jax", "jaxlib", "numpy", "tokenizers")
_OTHER_BACKENDS = frozenset(["torch", "tensorflow"])


@dataclass(frozen=True, kw_only=True)
class Framework:
    """Keras and its backend.

    Attributes:
        backend: The backend that Keras uses; the configured one if Keras cannot be imported.
        devices: The devices that JAX computes on; empty on other backends.
        missing: The package that is not installed; `None` if all are.
        failure: The error of the framework; `None` if it works.
    """

    backend: str
    devices: tuple[str, ...] = ()
    missing: str | None = None
    failure: str | None = None

    @property
    def usable(self) -> bool:
        """Whether a training run could start."""
        return self.missing is None and self.failure is None


def read_versions() -> dict[str, str | None]:
    """Return the version of each package that training depends on, `None` for those that are not installed."""
    backend = {os.environ.get("KERAS_BACKEND", "")} & _OTHER_BACKENDS
    return {name: _version(name) for name in ("nextword", *_PACKAGES, *backend)}


def read_framework() -> Framework:
    """Import Keras and its backend, and return their configuration, or why they do not work."""
    asked = os.environ.get("KERAS_BACKEND", "jax")
    try:
        import keras

        backend = keras.backend.backend()
        return Framework(backend=backend, devices=_devices() if backend == "jax" else ())
    except ImportError as error:
        return Framework(backend=asked, missing=error.name or str(error))
    except Exception as error:  # the diagnosis reports any error of a framework and continues
        return Framework(backend=asked, failure=f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": "))


def is_older(version: str | None, than: tuple[int, ...]) -> bool:
    """Return whether a version is older than another; `False` if it is unknown.

    Example:
        >>> is_older("0.10.2", than=(0, 12)), is_older("0.12.0.1", than=(0, 12)), is_older(None, than=(0, 12))
        (True, False, False)
    """
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
