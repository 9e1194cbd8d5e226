"""A recurrence described by its step, run on every Keras backend, and on JAX by a faster path."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import keras
from keras import ops

if keras.backend.backend() == "jax":
    from nextword.ops import recurrence_jax

Tensors = tuple[Any, ...]


class Multiply(Protocol):
    """Multiplies rows `(B, I)` by the kernel of a name, `(I, O)`."""

    def __call__(self, rows: Any, name: str, /) -> Any:
        """Return the product `(B, O)`, in float32."""


# From the products, all other weights, the state and the input of a step to the next state and the output.
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
        step: Computes one step. It multiplies by each kernel exactly once, and it is equal to every step that computes
            the same: a function of a module or a frozen dataclass, so that JAX does not compile it again.
        inputs: The sequence `(B, T, ...)`.
        state: What the first step reads, arrays of `(B, ...)`; the gradient flows into them.
        kernels: The matrices `(I, O)` that the step multiplies by, by name.
        others: All else that the step reads, by name; the gradient flows into it. What is `None` is left out.
        compute_dtype: Precision of the products on JAX; all else is float32, and so is what comes out.

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
    """Run the steps one after the other over time-major `inputs` `(T, B, ...)`."""

    def multiply(rows: Any, name: str) -> Any:
        return rows @ kernels[name]

    last, outputs = ops.scan(lambda state, x_t: step(multiply, others, state, x_t), tuple(state), inputs)
    return outputs, last


def project(inputs: Any, kernel: Any, *, compute_dtype: str = "float32") -> Any:
    """Multiply the inputs of all steps `(B, T, I)` by a kernel `(I, O)` at once."""
    if keras.backend.backend() == "jax":
        return recurrence_jax.project(ops.convert_to_tensor(inputs), ops.convert_to_tensor(kernel), compute_dtype)
    return ops.matmul(inputs, kernel)


def sigmoid(x: Any) -> Any:
    """Return the logistic function by way of tanh, which XLA evaluates much faster on a CPU than exp."""
    return 0.5 * ops.tanh(0.5 * x) + 0.5


def masked(hidden: Any, mask: Any) -> Any:
    """Return the hidden state as it is read back: times the mask `(B, H)`, if there is one."""
    return hidden if mask is None else hidden * ops.stop_gradient(mask)
