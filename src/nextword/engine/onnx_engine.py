"""The engine that runs `model.onnx` with onnxruntime, without a training framework."""

import math
from collections.abc import Sequence
from typing import Any, override

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.onnx_file import (
    HIDDEN,
    LOG_PROBS,
    OLDEST_ONNXRUNTIME,
    TOKENS,
    check_onnx_file,
    next_name,
    state_widths,
)
from nextword.engine.distribution_engine import DistributionEngine, even_pieces
from nextword.engine.engine import Rows, State, WindowPrediction
from nextword.errors import BundleError, MissingExtraError
from nextword.model.architecture import Architecture
from nextword.settings import require_at_least
from nextword.system.capacity import count_cores, read_control_group
from nextword.text.batching.window import TokenIds

_PIECE = 2_000_000  # log-probabilities of a piece of a window: 8 MB, small enough for the processor's cache


class OnnxEngine(DistributionEngine):
    """Runs a `model.onnx` with onnxruntime on the CPU.

    A state is a tuple of arrays `(1, B, H)`, in the order of `nextword.bundle.onnx_file.state_widths`.

    In int8, each row of a batch is rounded to its own steps, and products are sums of integers. The other texts of a
    batch therefore do not change the log-probabilities of a text, and windows give what steps give.

    Raises:
        BundleError: The file is not such a model, refers to another file, or onnxruntime cannot load it.
        MissingExtraError: onnxruntime is missing or too old.
        SettingError: `num_threads` is below 1.
    """

    def __init__(self, data: bytes, *, architecture: Architecture, end_id: int, num_threads: int | None = None) -> None:
        super().__init__(vocabulary_size=architecture.vocabulary_size, end_id=end_id)
        self.precision = check_onnx_file(data, architecture)
        self._widths = state_widths(architecture)
        self._session = _session_of(data, num_threads)
        self._check_signature()
        self._inputs = (TOKENS, *self._widths)
        self._next_state = [next_name(name) for name in self._widths]
        self._results = [LOG_PROBS, *self._next_state]

    def start(self, batch_size: int) -> State:
        """Return the state at the beginning of a text."""
        return tuple(np.zeros((1, batch_size, width), np.float32) for width in self._widths.values())

    @override
    def select(self, state: State, rows: Rows) -> State:
        return tuple(array[:, rows] for array in state)

    @override
    def join(self, states: Sequence[State]) -> State:
        return tuple(np.concatenate(arrays, axis=1) for arrays in zip(*states, strict=True))

    def predict_log_probs(self, inputs: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        """Return the log-probabilities and the state without copying the hidden states."""
        log_probs, *after = self._run(self._results, inputs, state)
        return log_probs, tuple(after)

    @override
    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        log_probs, hidden, *after = self._run([LOG_PROBS, HIDDEN, *self._next_state], inputs, state)
        return WindowPrediction(log_probs, hidden), tuple(after)

    def pieces(self, batch_size: int, num_steps: int) -> list[slice]:
        """Cut a window into the pieces in which it is scored."""
        return even_pieces(num_steps, batch_size * self.vocabulary_size, _PIECE)

    def _run(self, names: list[str], tokens: TokenIds, state: State) -> list[Any]:
        arrays = (tokens.astype(np.int32, copy=False), *state)
        try:
            results: list[Any] = self._session.run(names, dict(zip(self._inputs, arrays, strict=True)))
        except Exception as error:  # its errors have no common base class
            raise BundleError(
                f"`model.onnx` must run in onnxruntime, but does not: {_one_line(error)}; export the model again"
            ) from error
        return results

    def _check_signature(self) -> None:
        given, results = (
            {node.name: (node.type, (node.shape or [None])[-1]) for node in nodes}
            for nodes in (self._session.get_inputs(), self._session.get_outputs())
        )
        states = {name: ("tensor(float)", width) for name, width in self._widths.items()}
        expected = {LOG_PROBS: ("tensor(float)", self.vocabulary_size)}
        expected |= {next_name(name): kind for name, kind in states.items()}
        given.pop(TOKENS, None)
        results.pop(HIDDEN, None)
        if given != states or results != expected:
            raise BundleError(
                f"`model.onnx` must have the inputs and outputs of its architecture, but has inputs "
                f"{sorted(given)} and outputs {sorted(results)}; export the model again"
            )


def _session_of(data: bytes, num_threads: int | None) -> Any:
    if num_threads is not None:
        require_at_least("num_threads", num_threads, 1)
    onnxruntime = _import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads or _num_processors()
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # what is worse than errors, which are raised
    # Spinning threads gain nothing here, and take processor time from other threads.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # The second attempt that it would make prints to standard output.
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"], enable_fallback=False)
    except Exception as error:  # its errors have no common base class
        raise BundleError(
            f"`model.onnx` must load in onnxruntime {onnxruntime.__version__}, but does not: "
            f"{_one_line(error)}; "
            "export the model again"
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _import_onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError.of("running `model.onnx` needs onnxruntime", None, "run") from error
    version = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2])
    if version < OLDEST_ONNXRUNTIME:
        oldest = ".".join(map(str, OLDEST_ONNXRUNTIME))
        raise MissingExtraError(
            f"running `model.onnx` needs onnxruntime {oldest} or newer, but {onnxruntime.__version__} is installed; "
            f"upgrade it: pip install 'onnxruntime>={oldest}'"
        )
    return onnxruntime


def _num_processors() -> int:
    """Return the number of processors of this process, limited by the quota of its container."""
    cores = count_cores()
    quota = read_control_group().cores
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))
