"""Which path the LSTM recurrence takes under JAX: the scan, or on a GPU the faster one, measured once and kept to.

On a GPU the paths are run forward and back for a shape when it is first met. To be taken, a path must agree with the
scan, and be clearly faster, so that noise does not decide. What was decided is written down: the same machine with the
same versions takes the same path in every process, and so comes to the same bits. Where it cannot be written down it
is not decided either, and the scan runs. On a CPU nothing is measured.

No card has been met by this file yet; its tests take a CPU for one.
"""

import json
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

import jax
import keras
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from nextword.errors import StorageError
from nextword.ops import lstm_jax
from nextword.ops.precision import shortest_seconds
from nextword.storage import strict_json
from nextword.storage.cache import cache_key, cache_root
from nextword.storage.durable import disk_errors, make_directory
from nextword.storage.single_file import write_file

_MAX_BYTES = 2**20

Recurrence = Callable[..., tuple[jax.Array, ...]]

SCAN = "scan"
# A path that errs in a gate or a weight is off by a tenth and more; TF32 is off by a thousandth, and bfloat16 by some.
_TOLERANCES = {"float32": 2e-3, "bfloat16": 4e-2}
_WORTHWHILE_SPEEDUP = 1.1
# Below so many tokens, to compile the paths for a comparison costs more than it could save.
_MIN_TOKENS = 256


class Shape(NamedTuple):
    """What a decision is made for.

    Attributes:
        batch_size: `B`.
        num_steps: `T`.
        input_size: `I`.
        hidden_size: `H`.
        compute_dtype: Precision that was asked for.
    """

    batch_size: int
    num_steps: int
    input_size: int
    hidden_size: int
    compute_dtype: str


@dataclass(frozen=True)
class Choice:
    """What was decided for a shape, and on what grounds.

    Attributes:
        path: Name of the path taken.
        seconds: Time of each path, forward and back.
        deviations: Largest difference of each path from the scan in float32, as a share of the largest number.
        failures: What each path that did not run died of.
    """

    path: str
    seconds: dict[str, float] = field(default_factory=dict)
    deviations: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


class ChoiceRecord:
    """A JSON file of choices; of several processes one decides, and the others wait and read.

    A file that is damaged counts as empty: what it held is decided anew.

    Args:
        file: Where the choices are, or will be.
        about: What they were decided on; written into the file for whoever reads it.
    """

    def __init__(self, file: Path, about: dict[str, str]) -> None:
        self.file = file
        self.about = about

    def read(self) -> dict[Shape, Choice]:
        """Return all choices so far."""
        try:
            table = strict_json.parse(self.file.read_bytes(), max_bytes=_MAX_BYTES)
            return {Shape(**entry["shape"]): Choice(**entry["choice"]) for entry in table["choices"]}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def choice(self, shape: Shape, decide: Callable[[], Choice]) -> Choice:
        """Return the choice for `shape`; what `decide` returns, if there is none yet.

        Raises:
            StorageError: The disk refused; nothing was decided.
        """
        with disk_errors(self.file, "written"):
            make_directory(self.file.parent)
            with FileLock(self.file.with_suffix(".lock")):
                choices = self.read()
                if shape not in choices:
                    choices[shape] = decide()
                    self._write(choices)
                return choices[shape]

    def _write(self, choices: dict[Shape, Choice]) -> None:
        entries: list[dict[str, Any]] = [
            {"shape": shape._asdict(), "choice": asdict(choice)} for shape, choice in choices.items()
        ]
        write_file(self.file, json.dumps({"about": self.about, "choices": entries}, indent=1).encode())


def choose_recurrence(shape: Shape) -> Recurrence:
    """Return the recurrence to run for `shape` on JAX's default device; all are called as `lstm_jax.lstm_recurrence`.

    A shape that is too small to be worth it is not measured, and none is while Keras distributes the batch over
    devices: XLA cannot cut cuDNN's call.
    """
    recurrence: Recurrence = lstm_jax.lstm_recurrence
    if jax.default_backend() == "gpu" and _is_worth_measuring(shape):
        recurrence = _paths()[_recorded_path(_default_device(), shape)]
    return recurrence


def _is_worth_measuring(shape: Shape) -> bool:
    if shape.batch_size * shape.num_steps < _MIN_TOKENS or keras.distribution.distribution() is not None:
        return False
    return bool(_default_device().platform == "gpu")


def recorded_choices() -> dict[Shape, Choice]:
    """Return what was decided so far, by any process, for JAX's default device and the versions installed."""
    device = _default_device()
    return _record(device).read() if device.platform == "gpu" else {}


def describe_choices() -> str:
    """Say which path runs, in the words of `nextword.ops.lstm.lstm_path`."""
    if _default_device().platform != "gpu":
        return "a scan with a gradient of its own"
    taken = Counter(choice.path for choice in recorded_choices().values())
    found = ", ".join(f"{path} in {count}" for path, count in sorted(taken.items())) or "no shape was measured yet"
    return f"a scan or cuDNN, whichever is faster for a shape: {found}"


def decide(shape: Shape, paths: Mapping[str, Recurrence]) -> Choice:
    """Run each of `paths` forward and back, and choose the fastest that agrees with the scan, which is one of them.

    Another function may be in the midst of being traced; what happens here does not become part of it.
    """
    seconds, deviations, failures = {}, {}, {}
    with jax.ensure_compile_time_eval():
        arguments, gradients = _drawn(shape)
        with jax.default_matmul_precision("highest"):
            exact = _forward_and_back(paths[SCAN], "float32", arguments, gradients)()
        for name, recurrence in paths.items():
            run = _forward_and_back(recurrence, shape.compute_dtype, arguments, gradients)
            try:
                deviations[name] = _deviation(run(), exact)
                seconds[name] = shortest_seconds(run)
            except Exception as error:  # whatever a path dies of, the scan is there
                failures[name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    path = _fastest(seconds, deviations, _TOLERANCES[shape.compute_dtype])
    return Choice(path, seconds, deviations, failures)


def _fastest(seconds: dict[str, float], deviations: dict[str, float], tolerance: float) -> str:
    agreeing = [name for name in seconds if name == SCAN or deviations[name] <= tolerance]
    fastest = min(agreeing, key=seconds.__getitem__, default=SCAN)
    clearly = SCAN not in seconds or seconds[SCAN] >= _WORTHWHILE_SPEEDUP * seconds[fastest]
    return fastest if clearly else SCAN


def _forward_and_back(
    recurrence: Recurrence, compute_dtype: str, arguments: tuple[Any, ...], gradients: tuple[Any, ...]
) -> Callable[[], list[NDArray[Any]]]:
    """Return a function that runs the recurrence, and returns its results and its gradients once they are there."""

    def both(arguments: tuple[Any, ...], gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        results, pull_back = jax.vjp(lambda *arguments: recurrence(*arguments, compute_dtype), *arguments)
        return (*results, *pull_back(gradients))

    compiled = jax.jit(both)
    return lambda: jax.block_until_ready(compiled(arguments, gradients))


def _drawn(shape: Shape) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return all that the recurrence reads, and a gradient for all that it returns."""
    random = np.random.default_rng(0)

    def normal(*size: int, scale: float = 1.0) -> Any:
        return jax.device_put(random.normal(scale=scale, size=size).astype(np.float32))

    gates, state = 4 * shape.hidden_size, (shape.batch_size, shape.hidden_size)
    arguments = (
        normal(shape.num_steps, shape.batch_size, shape.input_size),
        normal(*state, scale=0.5),
        normal(*state),
        normal(shape.input_size, gates, scale=shape.input_size**-0.5),
        normal(shape.hidden_size, gates, scale=shape.hidden_size**-0.5),
        normal(gates),
    )
    return arguments, (normal(shape.num_steps, *state), normal(*state), normal(*state))


def _deviation(found: list[Any], exact: list[Any]) -> float:
    """Return the largest difference, as a share of the largest number in the array where it is."""
    pairs = [(np.asarray(ours), np.asarray(theirs)) for ours, theirs in zip(found, exact, strict=True)]
    deviation = float(np.max([np.abs(ours - theirs).max() / np.abs(theirs).max() for ours, theirs in pairs]))
    if not np.isfinite(deviation):
        raise FloatingPointError("its results are not finite numbers")
    return deviation


def _paths() -> dict[str, Recurrence]:
    from nextword.ops import lstm_cudnn

    return {SCAN: lstm_jax.lstm_recurrence, "cudnn": lstm_cudnn.lstm_recurrence}


def _default_device() -> jax.Device:
    device = jax.config.jax_default_device or jax.devices()[0]
    return jax.devices(device)[0] if isinstance(device, str) else device


@cache
def _recorded_path(device: jax.Device, shape: Shape) -> str:
    paths = _paths()
    try:
        path = _record(device).choice(shape, lambda: decide(shape, paths)).path
    except StorageError as error:
        warnings.warn(
            f"the LSTM runs as a scan, since which path is faster could not be remembered: {error}; name another "
            "folder in the variable NEXTWORD_CACHE",
            stacklevel=2,
        )
        return SCAN
    return path if path in paths else SCAN


def _record(device: jax.Device) -> ChoiceRecord:
    about = {"device": device.device_kind, "platform": device.client.platform_version, **_versions()}
    key = cache_key(*(f"{name} {value}" for name, value in sorted(about.items())))
    return ChoiceRecord(cache_root() / "lstm-paths" / f"{key[:16]}.json", about)


@cache
def _versions() -> dict[str, str]:
    """Return the versions of all packages that the speed and the bits of a path depend on."""
    names = ("jax", "jaxlib", "nextword")
    return {
        package.name: package.version
        for package in distributions()
        if package.name in names or package.name.startswith(("jax-cuda", "nvidia-cudnn"))
    }
