"""What is known of machine and framework without measuring anything."""

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
    """What training finds here.

    Attributes:
        system: Operating system and its release.
        python: Version of Python.
        processor: The processor.
        capacity: Cores and memory.
        gpus: NVIDIA GPUs that the system knows, whether or not JAX uses them.
        framework: Keras and its backend.
        versions: Version of each package, `None` for one that is not installed.
        environment: Environment variables that change speed.
        training_memory_bytes: What training the preset takes, about.
        setups: What nextword has set up for training, by part; empty if the framework cannot be used.
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
    """Look at the machine and at the framework.

    Args:
        training_memory_bytes: What the training run in mind takes, about.
        cache_folder: Where compiled code is kept.
    """
    # Before the framework takes memory, and sets variables, of its own.
    capacity, environment = read_capacity(), speed_environment()
    framework = read_framework()
    setups = {}
    if framework.usable:  # what training sets up
        compiled = use_compilation_cache(cache_folder)
        setups = {
            "freed memory": "kept for the next step" if keep_freed_memory() else "given back after every step",
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
