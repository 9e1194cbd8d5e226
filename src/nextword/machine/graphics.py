"""Whether there is an NVIDIA GPU, whatever the training framework makes of it."""

import shutil
import subprocess
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/gpus")


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
