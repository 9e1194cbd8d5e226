"""Recurrences defined by their step.

Plain differentiation of a scan accumulates the gradient of every kernel in every step: a whole matrix each time, and
in the precision of the products. Here the kernels are constants of the scan that is differentiated. It keeps the input
of each product and the gradient of its output for all steps; the kernel's gradient is one product of the two.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from keras import ops

from nextword.model.ops.products import flat, matmul, transposed_matmul, weight_gradient

Arrays = dict[str, jax.Array]
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
        compute_dtype: Precision of the products; everything else is float32, and so are the results.

    Returns:
        The outputs `(B, T, ...)`, and the state after the last step.
    """
    by_time = ops.swapaxes(ops.convert_to_tensor(inputs), 0, 1)
    outputs, last = _run(step, by_time, tuple(state), _tensors(kernels), _tensors(others), compute_dtype=compute_dtype)
    return ops.swapaxes(outputs, 0, 1), last


def _tensors(weights: Mapping[str, Any]) -> dict[str, Any]:
    return {name: ops.convert_to_tensor(weight) for name, weight in weights.items() if weight is not None}


def project(inputs: Any, kernel: Any, *, compute_dtype: str = "float32") -> Any:
    """Multiply the inputs of all steps `(B, T, I)` by a kernel `(I, O)` in one product."""
    return _project(ops.convert_to_tensor(inputs), ops.convert_to_tensor(kernel), compute_dtype)


def sigmoid(x: Any) -> Any:
    """Return the logistic function, computed with tanh: XLA evaluates it much faster than exp on a CPU."""
    return 0.5 * ops.tanh(0.5 * x) + 0.5


@partial(jax.jit, static_argnames=("step", "compute_dtype"))  # otherwise compiled at every call outside a jit
def _run(
    step: Any, inputs: jax.Array, state: Any, kernels: Arrays, others: Arrays, *, compute_dtype: str
) -> tuple[Any, Any]:
    """Run `run_recurrence` over time-major `inputs` `(T, B, ...)`."""
    outputs, last = _recurrence(step, compute_dtype, inputs, state, kernels, others)
    return outputs, last


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _recurrence(
    step: Any, compute_dtype: str, inputs: jax.Array, state: Any, kernels: Arrays, others: Arrays
) -> tuple[Any, Any]:
    scanned = _Scan(step, compute_dtype, kernels)
    (outputs, last), _ = scanned(inputs, state, others, scanned.taps(inputs))
    return outputs, last


def _forward(
    step: Any, compute_dtype: str, inputs: jax.Array, state: Any, kernels: Arrays, others: Arrays
) -> tuple[Any, Any]:
    scanned = _Scan(step, compute_dtype, kernels)
    results, pull_back, read = jax.vjp(scanned, inputs, state, others, scanned.taps(inputs), has_aux=True)
    return results, (pull_back, read)


def _backward(_step: Any, compute_dtype: str, residuals: Any, gradients: Any) -> tuple[Any, ...]:
    pull_back, read = residuals
    d_inputs, d_state, d_others, d_products = pull_back(gradients)
    d_kernels = {name: weight_gradient(flat(read[name]), flat(d_products[name]), compute_dtype) for name in read}
    return d_inputs, d_state, d_kernels, d_others


_recurrence.defvjp(_forward, _backward)


class _Scan:
    """The scan with constant kernels, a function of everything else and of a tap for every product."""

    def __init__(self, step: Any, compute_dtype: str, kernels: Arrays) -> None:
        self.step = step
        self.compute_dtype = compute_dtype
        self.kernels = {name: kernel.astype(compute_dtype) for name, kernel in kernels.items()}
        self.transposed = {name: kernel.T for name, kernel in self.kernels.items()}

    def taps(self, inputs: jax.Array) -> Arrays:
        """Return zeros `(T, B, O)` whose gradients are those of the products."""
        rows = inputs.shape[:2]
        return {name: jnp.zeros((*rows, kernel.shape[1]), kernel.dtype) for name, kernel in self.kernels.items()}

    def __call__(self, inputs: jax.Array, state: Any, others: Arrays, taps: Arrays) -> tuple[Any, Arrays]:
        """Return outputs and last state, and the inputs of each product at all steps."""

        def run_step(state: Any, at_t: Any) -> tuple[Any, Any]:
            x_t, taps_t = at_t
            read: Arrays = {}

            def multiply(rows: jax.Array, name: str) -> jax.Array:
                read[name] = rows.astype(self.compute_dtype)
                return _tapped(read[name], self.kernels[name], self.transposed[name], taps_t[name])

            state, output = self.step(multiply, others, state, x_t)
            return state, (output, read)

        last, (outputs, read) = jax.lax.scan(run_step, state, (inputs, taps))
        return (outputs, last), read


def _product(rows: jax.Array, kernel: jax.Array, _transposed: jax.Array, _tap: jax.Array) -> jax.Array:
    return matmul(rows, kernel, kernel.dtype.name)


def _tapped_forward(
    rows: jax.Array, kernel: jax.Array, transposed: jax.Array, tap: jax.Array
) -> tuple[jax.Array, jax.Array]:
    return _product(rows, kernel, transposed, tap), transposed


def _tapped_backward(transposed: jax.Array, gradient: jax.Array) -> tuple[Any, ...]:
    dtype = transposed.dtype
    gradient = gradient.astype(dtype)
    return matmul(gradient, transposed, dtype.name).astype(dtype), None, None, gradient


_tapped: Any = jax.custom_vjp(_product)  # has gradients for rows and tap, none for the kernel
_tapped.defvjp(_tapped_forward, _tapped_backward)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _project(inputs: jax.Array, kernel: jax.Array, compute_dtype: str) -> jax.Array:
    """Multiply `inputs` `(..., I)` by `kernel` `(I, O)`."""
    return matmul(flat(inputs), kernel, compute_dtype).reshape(*inputs.shape[:-1], -1)


def _project_forward(inputs: jax.Array, kernel: jax.Array, compute_dtype: str) -> tuple[jax.Array, Any]:
    return _project(inputs, kernel, compute_dtype), (inputs, kernel)


def _project_backward(compute_dtype: str, residuals: Any, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    inputs, kernel = residuals
    rows = flat(gradient)
    d_inputs = transposed_matmul(rows, kernel, compute_dtype).reshape(inputs.shape)
    return d_inputs, weight_gradient(flat(inputs), rows, compute_dtype)


_project.defvjp(_project_forward, _project_backward)
