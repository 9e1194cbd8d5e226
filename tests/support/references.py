"""The operations of `nextword.model.ops` as their equations say, without regard to speed; JAX differentiates them."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from nextword.model.ops.cross_entropy import TokenLosses
from nextword.model.ops.lstm import LSTMState


def linear_cross_entropy_reference(
    hidden: Any, targets: Any, weights: Any, *, kernel: Any, bias: Any, tied: bool = False
) -> TokenLosses:
    """Compute `linear_cross_entropy` with all logits in memory."""
    logits = hidden @ (kernel.T if tied else kernel) + bias
    target_logits = jnp.take_along_axis(logits, targets[:, None], axis=-1)[:, 0]
    losses = jax.nn.logsumexp(logits, axis=-1) - target_logits
    return TokenLosses((losses * weights).sum(), losses, target_logits >= logits.max(axis=-1))


def lstm_reference(
    inputs: Any, state: LSTMState, *, kernel: Any, recurrent_kernel: Any, bias: Any, modulation: Any = None
) -> tuple[Any, LSTMState]:
    """Run `lstm` one step at a time."""
    by_time = jnp.swapaxes(jnp.asarray(inputs), 0, 1)
    factors = jnp.ones(()) if modulation is None else jnp.swapaxes(jnp.asarray(modulation), 0, 1)
    factors = jnp.broadcast_to(factors, (*by_time.shape[:2], recurrent_kernel.shape[0]))

    def step(state: LSTMState, at_t: Any) -> tuple[LSTMState, Any]:
        x_t, factor = at_t
        gates = x_t @ kernel + (state.hidden * factor) @ recurrent_kernel + bias
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        cell = jax.nn.sigmoid(f) * state.cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return LSTMState(hidden, cell), hidden

    last, hiddens = jax.lax.scan(step, LSTMState(*map(jnp.asarray, state)), (by_time, factors))
    return jnp.swapaxes(hiddens, 0, 1), last


def recurrence_reference(
    step: Any, inputs: Any, state: Any, kernels: Mapping[str, Any], others: Mapping[str, Any]
) -> tuple[Any, Any]:
    """Run `run_recurrence` with a plain scan."""

    def multiply(rows: Any, name: str) -> Any:
        return rows @ kernels[name]

    by_time = jnp.swapaxes(jnp.asarray(inputs), 0, 1)
    last, outputs = jax.lax.scan(lambda state, x_t: step(multiply, others, state, x_t), tuple(state), by_time)
    return jnp.swapaxes(outputs, 0, 1), last
