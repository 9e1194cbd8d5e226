"""The LSTM recurrence with layer normalization."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras import ops

from nextword.ops.lstm import LSTMState, update_cell
from nextword.ops.recurrence import Multiply, Tensors, masked, project, run_recurrence

_EPSILON = 1e-5


def normalized_lstm(
    inputs: Any,
    state: LSTMState,
    *,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    gains: Mapping[str, Any],
    cap_input_gate: bool = False,
    state_mask: Any = None,
    compute_dtype: str = "float32",
) -> tuple[Any, LSTMState]:
    r"""Run an LSTM with layer normalization over a sequence.

    With $\text{LN}(a) = (a - \mu) / \sqrt{\sigma^2 + 10^{-5}}$, mean $\mu$ and variance $\sigma^2$ over the elements of
    $a$, the LSTM of `nextword.ops.lstm.lstm` becomes

    $$i, f, o = \sigma(a_t), \quad g = \tanh(a_t), \quad
      a_t = \alpha \odot \text{LN}(x_t W) + \beta \odot \text{LN}(h_{t-1} U) + b$$
    $$c_t = f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh(\gamma \odot \text{LN}(c_t) + \delta)$$

    The $4H$ pre-activations are normalized together, as in the paper; its two further biases inside $a_t$ would only
    be added to $b$.

    Args:
        inputs: The sequence `(B, T, I)`.
        state: Hidden and cell before the first step.
        kernel: $W$, `(I, 4H)`.
        recurrent_kernel: $U$, `(H, 4H)`.
        bias: $b$, `(4H,)`.
        gains: `input_gain` $\alpha$ `(4H,)`, `recurrent_gain` $\beta$ `(4H,)`, `cell_gain` $\gamma$ `(H,)` and
            `cell_bias` $\delta$ `(H,)`.
        cap_input_gate: As for `lstm`.
        state_mask: What $h_{t-1}$ is multiplied by where it is read back, `(B, H)`, the same at every step.
        compute_dtype: Precision of the matrix products on JAX.

    Returns:
        The hidden states `(B, T, H)`, and the state after the last step.

    Source:
        Ba, Kiros and Hinton (2016), equations 20 to 22.
    """
    projected = gains["input_gain"] * normalize(project(inputs, kernel, compute_dtype=compute_dtype)) + bias
    others = {name: gains[name] for name in ("recurrent_gain", "cell_gain", "cell_bias")}
    others |= {} if state_mask is None else {"state_mask": state_mask}
    hiddens, last = run_recurrence(
        NormalizedStep(cap_input_gate),
        projected,
        tuple(state),
        kernels={"recurrent_kernel": recurrent_kernel},
        others=others,
        compute_dtype=compute_dtype,
    )
    return hiddens, LSTMState(*last)


@dataclass(frozen=True)
class NormalizedStep:
    """Computes one step of `normalized_lstm`, with all of $a_t$ given that does not depend on the state."""

    cap_input_gate: bool

    def __call__(
        self, multiply: Multiply, others: Mapping[str, Any], state: Tensors, projected: Any
    ) -> tuple[Tensors, Any]:
        """Run one step."""
        hidden, cell = state
        recurrent = normalize(multiply(masked(hidden, others), "recurrent_kernel"))
        hidden, cell = update_cell(
            projected + others["recurrent_gain"] * recurrent,
            cell,
            cap_input_gate=self.cap_input_gate,
            squash=lambda cell: ops.tanh(others["cell_gain"] * normalize(cell) + others["cell_bias"]),
        )
        return (hidden, cell), hidden


def normalize(a: Any) -> Any:
    r"""Return $\text{LN}(a)$ over the last axis."""
    centered = a - ops.mean(a, axis=-1, keepdims=True)
    return centered * ops.rsqrt(ops.mean(centered * centered, axis=-1, keepdims=True) + _EPSILON)
