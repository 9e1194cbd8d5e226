"""The training framework as it is installed and set up here."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

ComputeDtype = Literal["auto", "float32", "bfloat16"]
"""Precision of matrix products: `auto` is the faster one on this processor."""

_PACKAGES = ("keras", "jax", "jaxlib", "numpy", "tokenizers")
_BACKEND_PACKAGES = {"torch": "torch", "tensorflow": "tensorflow"}

_DRIVER = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True, kw_only=True)
class Framework:
    """Keras and its backend.

    Attributes:
        backend: The backend that Keras uses, or was asked to use where it cannot be imported.
        devices: What JAX computes on; empty on other backends.
        missing: The package that is not installed; `None` where all are.
        failure: What the framework says against working here; `None` where it works.
    """

    backend: str
    devices: tuple[str, ...] = ()
    missing: str | None = None
    failure: str | None = None

    @property
    def usable(self) -> bool:
        """Whether training could begin."""
        return self.missing is None and self.failure is None


def read_versions() -> dict[str, str | None]:
    """Return the version of each package that training depends on, `None` for those that are not installed."""
    backend = _BACKEND_PACKAGES.get(os.environ.get("KERAS_BACKEND", ""))
    packages = (*_PACKAGES, backend) if backend else _PACKAGES
    return {name: _version(name) for name in ("nextword", *packages)}


def read_framework() -> Framework:
    """Import Keras and its backend, and return what they are set up to do, or why they are not."""
    asked = os.environ.get("KERAS_BACKEND", "jax")
    try:
        import keras

        backend = keras.backend.backend()
        return Framework(backend=backend, devices=_devices() if backend == "jax" else ())
    except ImportError as error:
        return Framework(backend=asked, missing=error.name or str(error))
    except Exception as error:  # whatever a framework raises is to be told, not to end the diagnosis
        return Framework(backend=asked, failure=f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": "))


def is_older(version: str | None, than: tuple[int, ...]) -> bool:
    """Return whether a version is known and older than another.

    Example:
        >>> is_older("0.10.2", than=(0, 12)), is_older("0.12.0.1", than=(0, 12)), is_older(None, than=(0, 12))
        (True, False, False)
    """
    if version is None:
        return False
    numbers = tuple(int(part) for part in version.split(".")[: len(than)] if part.isdigit())
    return numbers < than


def speed_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment variables that bear on the speed of training."""
    environment = os.environ if environment is None else environment
    prefixes = ("JAX_", "XLA_", "OMP_", "MKL_", "KMP_", "MALLOC_")
    names = ("CUDA_VISIBLE_DEVICES", "LD_PRELOAD", "NPROC")
    return {name: environment[name] for name in sorted(environment) if name.startswith(prefixes) or name in names}


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


def read_nvidia_gpus(driver: Path = _DRIVER) -> tuple[str, ...]:
    """Return the names of the NVIDIA GPUs that a driver is at work for."""
    found = [information.read_text(encoding="utf-8") for information in sorted(driver.glob("*/information"))]
    if found:
        return tuple(_model(text) for text in found)
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        command = [program, "--query-gpu=name", "--format=csv,noheader"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(line.strip() for line in told.stdout.splitlines() if line.strip()) if told.returncode == 0 else ()


def _model(information: str) -> str:
    entries = dict(line.split(":", 1) for line in information.splitlines() if ":" in line)
    return entries.get("Model", "unknown").strip()
