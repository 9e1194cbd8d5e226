"""Facts about the machine and the training framework that need no measurement."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nextword.machine.capacity import Capacity, read_capacity
from nextword.machine.framework import Framework, read_framework, read_nvidia_gpus, read_versions, speed_environment
from nextword.machine.processor import Processor, read_processor
from nextword.machine.setup import keep_freed_memory, use_compilation_cache


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The machine and the software that training runs on.

    Attributes:
        system: Operating system and release.
        python: Python version.
        processor: The processor.
        capacity: Cores and memory.
        gpus: Names of the NVIDIA GPUs of the system, whether or not JAX uses them.
        framework: Keras and its backend.
        versions: Version of each package, `None` for one that is not installed.
        environment: Environment variables that change speed.
        training_memory_bytes: Estimated memory of a training run with the preset.
        setups: What nextword has set up for training, by name; empty if the framework cannot be used.
    """

    system: str
    python: str
    processor: Processor
    capacity: Capacity
    gpus: tuple[str, ...]
    framework: Framework
    versions: Mapping[str, str | None]
    environment: Mapping[str, str]
    training_memory_bytes: int
    setups: Mapping[str, str] = field(default_factory=dict)


def gather_facts(training_memory_bytes: int, cache_folder: Path) -> Facts:
    """Read the facts of this machine.

    Args:
        training_memory_bytes: Estimated memory of the training run.
        cache_folder: Folder for compiled code.
    """
    # Before the framework takes memory and sets environment variables itself.
    capacity, environment = read_capacity(), speed_environment()
    framework = read_framework()
    setups = {}
    if framework.usable:  # training sets these up
        compiled = use_compilation_cache(cache_folder)
        setups = {
            "freed memory": "kept for the next step"
            if keep_freed_memory()
            else "returned to the system after every step",
            "compiled code": f"kept in {compiled}" if compiled else "not kept for the next process",
        }
    return Facts(
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        processor=read_processor(),
        capacity=capacity,
        gpus=read_nvidia_gpus(),
        framework=framework,
        versions=read_versions(),
        environment=environment,
        training_memory_bytes=training_memory_bytes,
        setups=setups,
    )
