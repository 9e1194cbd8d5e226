"""Facts about the machine and the training framework that need no measurement, and the problems that they show."""

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nextword.errors import MissingExtraError
from nextword.system.capacity import Capacity, read_capacity
from nextword.system.framework import (
    Framework,
    is_older,
    keep_freed_memory,
    read_framework,
    read_nvidia_gpus,
    read_versions,
    speed_environment,
    use_compilation_cache,
)
from nextword.system.processor import Processor, read_processor


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The machine and the software that training runs on."""

    system: str
    python: str
    processor: Processor
    capacity: Capacity
    gpus: tuple[str, ...]  # names of the NVIDIA GPUs of the system, whether or not JAX uses them
    framework: Framework
    versions: Mapping[str, str | None]  # version of each package, `None` for one that is not installed
    environment: Mapping[str, str]  # environment variables that change speed
    training_memory_bytes: int  # estimated memory of a training run with the preset
    setups: Mapping[str, str] = field(default_factory=dict)  # for training; empty if the framework cannot be used


def gather_facts(training_memory_bytes: int, cache_folder: Path) -> Facts:
    """Read the facts of this machine."""
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


_FAST_BFLOAT16_JAX = (0, 12)
_OF_THE_TRAIN_EXTRA = ("keras", "jax", "jaxlib")


@dataclass(frozen=True)
class Problem:
    """A problem of this machine."""

    code: str
    what: str
    repair: str


def find_problems(facts: Facts) -> tuple[Problem, ...]:
    """Return the problems of a machine."""
    checks = (_framework, _old_jax, _gpu, _cores, _memory, _environment)
    return tuple(problem for check in checks for problem in check(facts))


def _framework(facts: Facts) -> Iterator[Problem]:
    framework = facts.framework
    if framework.missing in _OF_THE_TRAIN_EXTRA:
        yield Problem(
            "no-training-extra",
            f"`{framework.missing}` is not installed: models can be used here, but not trained",
            MissingExtraError.advice("train"),
        )
    elif framework.missing is not None:
        yield Problem(
            "no-backend",
            f"the Keras backend {framework.backend} needs `{framework.missing}`, which is not installed",
            f"install `{framework.missing}`, or set KERAS_BACKEND=jax",
        )
    elif framework.failure is not None:
        platforms = facts.environment.get("JAX_PLATFORMS")
        yield Problem(
            "framework-fails",
            f"Keras on {framework.backend} does not work{f' with JAX_PLATFORMS={platforms}' if platforms else ''}: "
            f"{framework.failure}",
            f"unset {'JAX_PLATFORMS' if platforms else 'KERAS_BACKEND'}; "
            "if that does not help: pip install --force-reinstall keras jax jaxlib",
        )
    elif framework.backend != "jax":
        yield Problem(
            "other-backend",
            f"the Keras backend is {framework.backend}, but nextword's fast code is written for JAX",
            "set KERAS_BACKEND=jax, or unset it",
        )


def _old_jax(facts: Facts) -> Iterator[Problem]:
    version = facts.versions.get("jax")
    if facts.processor.features.get("AVX512_BF16") and is_older(version, than=_FAST_BFLOAT16_JAX):
        yield Problem(
            "old-jax",
            f"bfloat16 is slow here: JAX {version} does not use this processor's AVX512_BF16, but JAX 0.12 does",
            "pip install --upgrade jax",
        )


def _gpu(facts: Facts) -> Iterator[Problem]:
    devices = facts.framework.devices
    if not facts.gpus or not devices or any(not device.startswith("cpu") for device in devices):
        return
    hiding = [
        name
        for name, hides in (("JAX_PLATFORMS", "cpu"), ("CUDA_VISIBLE_DEVICES", ""), ("CUDA_VISIBLE_DEVICES", "-1"))
        if facts.environment.get(name) == hides
    ]
    yield Problem(
        "unused-gpu",
        f"there is a GPU, {facts.gpus[0]}, but JAX computes on the processor",
        f"unset {hiding[0]}" if hiding else MissingExtraError.advice("gpu"),
    )


def _cores(facts: Facts) -> Iterator[Problem]:
    capacity = facts.capacity
    cores, quota = capacity.cores, capacity.core_quota
    threads = min(cores, _number(facts.environment, "NPROC") or cores)
    if quota is not None and max(1, quota) < threads:
        allowed = max(1, int(quota))
        yield Problem(
            "core-quota",
            f"the container may use the time of {quota:g} cores, but nextword would start {threads} threads, which "
            "then wait for each other",
            f"give the container more CPU time, or set NPROC={allowed}",
        )
    if cores == 1:
        more = f" of {capacity.machine_cores}" if capacity.machine_cores > 1 else ""
        yield Problem(
            "one-core",
            f"this process may only run on one core{more}",
            "start it without `taskset` or similar" if more else "train on a machine with more cores",
        )


def _memory(facts: Facts) -> Iterator[Problem]:
    available, needed = facts.capacity.available_memory_bytes, facts.training_memory_bytes
    if available is not None and available < needed:
        yield Problem(
            "little-memory",
            f"training needs about {needed / 1e9:.1f} GB, but {available / 1e9:.1f} GB are available",
            "close other programs, or train with a smaller --batch-size, --hidden-sizes or --maximum-vocabulary",
        )


def _environment(facts: Facts) -> Iterator[Problem]:
    environment, cores = facts.environment, facts.capacity.cores
    threads = _number(environment, "NPROC")  # JAX 0.12 divides products among them and ignores OMP_NUM_THREADS
    usable = int(min(cores, max(1, facts.capacity.core_quota or cores)))
    if threads is not None and threads < usable:
        yield Problem("few-threads", f"NPROC={threads} leaves {usable - threads} of {usable} cores idle", "unset NPROC")
    if "multi_thread_eigen=false" in environment.get("XLA_FLAGS", "").lower():
        yield Problem(
            "threads-off",
            "XLA_FLAGS has --xla_cpu_multi_thread_eigen=false, so some versions of JAX run products on one core",
            "remove it from XLA_FLAGS",
        )
    for variable, consequence in (
        ("JAX_DISABLE_JIT", "nothing is compiled"),
        ("JAX_DEBUG_NANS", "every step is checked and may run twice"),
    ):
        if environment.get(variable, "").lower() not in ("", "0", "false"):
            yield Problem("debugging", f"{variable} is set: {consequence}", f"unset {variable}")


def _number(environment: Mapping[str, str], name: str) -> int | None:
    value = environment.get(name, "")
    return int(value) if value.isdigit() else None
