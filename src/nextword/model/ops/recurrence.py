"""Recurrences defined by their step, for every Keras backend, with a fast path for JAX."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import keras
from keras import ops

if keras.backend.backend() == "jax":
    from nextword.model.ops import recurrence_jax

Tensors = tuple[Any, ...]


class Multiply(Protocol):
    """Multiplies rows `(B, I)` by a named kernel `(I, O)`."""

    def __call__(self, rows: Any, name: str, /) -> Any:
        """Return the product `(B, O)`, in float32."""


# step(multiply, other weights, state, input) -> (next state, output)
Step = Callable[[Multiply, Mapping[str, Any], Tensors, Any], tuple[Tensors, Any]]


def run_recurrence(
    step: Step,
    inputs: Any,
    state: Tensors,
    *,
    kernels: Mapping[str, Any],
    others: Mapping[str, Any],
    compute_dtype: str = "float32",
) -> tuple[Any, Tensors]:
    """Run a recurrence over a sequence.

    Args:
        step: Computes one step and multiplies by each kernel exactly once. It must be a module's function or a frozen
            dataclass: JAX compiles again for a step that is not equal to the last one.
        inputs: Sequence `(B, T, ...)`.
        state: State before the first step, arrays `(B, ...)` with gradients.
        kernels: Matrices `(I, O)` that the step multiplies by, by name.
        others: Other arrays that the step reads, by name, with gradients; `None` values are omitted.
        compute_dtype: Precision of the products on JAX; everything else is float32, and so are the results.

    Returns:
        The outputs `(B, T, ...)`, and the state after the last step.
    """
    by_time = ops.swapaxes(ops.convert_to_tensor(inputs), 0, 1)
    if keras.backend.backend() == "jax":
        kernels, others = _tensors(kernels), _tensors(others)
        outputs, last = recurrence_jax.run_recurrence(
            step, by_time, tuple(state), kernels, others, compute_dtype=compute_dtype
        )
    else:
        outputs, last = run_reference(step, by_time, state, kernels, others)
    return ops.swapaxes(outputs, 0, 1), last


def _tensors(weights: Mapping[str, Any]) -> dict[str, Any]:
    return {name: ops.convert_to_tensor(weight) for name, weight in weights.items() if weight is not None}


def run_reference(
    step: Step, inputs: Any, state: Tensors, kernels: Mapping[str, Any], others: Mapping[str, Any]
) -> tuple[Any, Tensors]:
    """Run `run_recurrence` with `ops.scan` over time-major `inputs` `(T, B, ...)`."""

    def multiply(rows: Any, name: str) -> Any:
        return rows @ kernels[name]

    last, outputs = ops.scan(lambda state, x_t: step(multiply, others, state, x_t), tuple(state), inputs)
    return outputs, last


def project(inputs: Any, kernel: Any, *, compute_dtype: str = "float32") -> Any:
    """Multiply the inputs of all steps `(B, T, I)` by a kernel `(I, O)` in one product."""
    if keras.backend.backend() == "jax":
        return recurrence_jax.project(ops.convert_to_tensor(inputs), ops.convert_to_tensor(kernel), compute_dtype)
    return ops.matmul(inputs, kernel)


def sigmoid(x: Any) -> Any:
    """Return the logistic function, computed with tanh: XLA evaluates it much faster than exp on a CPU."""
    return 0.5 * ops.tanh(0.5 * x) + 0.5
