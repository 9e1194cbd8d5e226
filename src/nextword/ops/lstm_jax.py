"""The LSTM recurrence in JAX, with a gradient written by hand.

Three things make it fast. The products with the inputs of all time steps are one product outside the scan. The
gradient of the recurrent kernel is not accumulated step by step in the backward scan but computed after it from the
gate gradients of all steps. And the products run in `compute_dtype` with float32 accumulation, while gates, cell and
weights stay float32; only what the backward scan needs of the gates is kept in `compute_dtype`, as their gradients are.
"""

from functools import partial

import jax
import jax.numpy as jnp

from nextword.ops.products import matmul, transposed_matmul, weight_gradient

_Arrays = tuple[jax.Array, ...]


@partial(jax.jit, static_argnums=6)  # outside any jit, the scan would be compiled anew at every call
def lstm_recurrence(
    inputs: jax.Array,
    hidden: jax.Array,
    cell: jax.Array,
    kernel: jax.Array,
    recurrent_kernel: jax.Array,
    bias: jax.Array,
    compute_dtype: str,
) -> _Arrays:
    """Run the recurrence of `nextword.ops.lstm.lstm` over time-major `inputs` `(T, B, I)`.

    Returns:
        The hidden states `(T, B, H)`, and the last hidden and cell `(B, H)`.
    """
    outputs: _Arrays = _recurrence(inputs, hidden, cell, kernel, recurrent_kernel, bias, compute_dtype)
    return outputs


@partial(jax.custom_vjp, nondiff_argnums=(6,))
def _recurrence(
    inputs: jax.Array,
    hidden: jax.Array,
    cell: jax.Array,
    kernel: jax.Array,
    recurrent_kernel: jax.Array,
    bias: jax.Array,
    compute_dtype: str,
) -> _Arrays:
    return _forward(inputs, hidden, cell, kernel, recurrent_kernel, bias, compute_dtype)[0]


def _forward(
    inputs: jax.Array,
    hidden: jax.Array,
    cell: jax.Array,
    kernel: jax.Array,
    recurrent_kernel: jax.Array,
    bias: jax.Array,
    compute_dtype: str,
) -> tuple[_Arrays, _Arrays]:
    projected = matmul(_flat(inputs), kernel, compute_dtype).reshape(*inputs.shape[:2], -1)  # (T, B, 4H)
    recurrent = recurrent_kernel.astype(compute_dtype)

    def step(state: _Arrays, projected_t: jax.Array) -> tuple[_Arrays, _Arrays]:
        hidden, cell = state
        i, f, g, o = jnp.split(projected_t + matmul(hidden, recurrent, compute_dtype) + bias, 4, axis=-1)
        i, f, g, o = _sigmoid(i), _sigmoid(f), jnp.tanh(g), _sigmoid(o)
        cell = f * cell + i * g
        hidden = o * jnp.tanh(cell)
        return (hidden, cell), (hidden, cell, *(gate.astype(compute_dtype) for gate in (i, f, g, o)))

    last, (hiddens, cells, *gates) = jax.lax.scan(step, (hidden, cell), projected)
    return (hiddens, *last), (inputs, hidden, cell, kernel, recurrent_kernel, hiddens, cells, *gates)


def _backward(compute_dtype: str, residuals: _Arrays, gradients: _Arrays) -> _Arrays:
    inputs, hidden, cell, kernel, recurrent_kernel, hiddens, cells, *gates = residuals
    d_hiddens, d_hidden, d_cell = gradients
    previous_cells = jnp.concatenate((cell[None], cells[:-1]))
    recurrent_transposed = recurrent_kernel.T.astype(compute_dtype)

    def step(d_state: _Arrays, at_t: _Arrays) -> tuple[_Arrays, jax.Array]:
        d_hidden_t, cell_t, previous_cell, *gates = at_t
        i, f, g, o = (gate.astype(jnp.float32) for gate in gates)
        squashed = jnp.tanh(cell_t)
        d_hidden = d_state[0] + d_hidden_t
        d_cell = d_state[1] + d_hidden * o * (1.0 - squashed * squashed)
        d_i = d_cell * g * i * (1.0 - i)
        d_f = d_cell * previous_cell * f * (1.0 - f)
        d_g = d_cell * i * (1.0 - g * g)
        d_o = d_hidden * squashed * o * (1.0 - o)
        d_gates = jnp.stack((d_i, d_f, d_g, d_o), axis=1).astype(compute_dtype)
        d_gates = d_gates.reshape(d_gates.shape[0], -1)  # (B, 4H)
        return (matmul(d_gates, recurrent_transposed, compute_dtype), d_cell * f), d_gates

    steps = (d_hiddens, cells, previous_cells, *gates)
    (d_hidden, d_cell), d_gates = jax.lax.scan(step, (d_hidden, d_cell), steps, reverse=True)
    previous_hiddens = jnp.concatenate((hidden[None], hiddens[:-1]))
    d_gates = _flat(d_gates)  # (T * B, 4H)
    d_inputs = transposed_matmul(d_gates, kernel, compute_dtype).reshape(inputs.shape)
    d_kernel = weight_gradient(_flat(inputs), d_gates, compute_dtype)
    d_recurrent = weight_gradient(_flat(previous_hiddens), d_gates, compute_dtype)
    d_bias = d_gates.astype(jnp.float32).sum(axis=0)
    return d_inputs, d_hidden, d_cell, d_kernel, d_recurrent, d_bias


def _sigmoid(x: jax.Array) -> jax.Array:
    """Return the logistic function by way of tanh, which XLA evaluates much faster on a CPU than exp."""
    return 0.5 * jnp.tanh(0.5 * x) + 0.5


def _flat(steps: jax.Array) -> jax.Array:
    return steps.reshape(-1, steps.shape[-1])


_recurrence.defvjp(_forward, _backward)
