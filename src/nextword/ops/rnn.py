"""The simple recurrence of Elman."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from nextword.ops.recurrence import Multiply, Tensors, masked, project, run_recurrence


def rnn(
    inputs: Any,
    hidden: Any,
    *,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    state_mask: Any = None,
    compute_dtype: str = "float32",
) -> tuple[Any, Any]:
    r"""Run a simple recurrent network over a sequence.

    With the input $x_t$, the hidden state $h_t$, the kernel $W$, the recurrent kernel $U$ and the bias $b$:

    $$h_t = \tanh(x_t W + h_{t-1} U + b)$$

    Args:
        inputs: The sequence `(B, T, I)`.
        hidden: Hidden state before the first step `(B, H)`.
        kernel: $W$, `(I, H)`.
        recurrent_kernel: $U$, `(H, H)`.
        bias: $b$, `(H,)`.
        state_mask: What $h_{t-1}$ is multiplied by where it is read back, `(B, H)`, the same at every step.
        compute_dtype: Precision of the matrix products on JAX.

    Returns:
        The hidden states `(B, T, H)`, and the last of them `(B, H)`.

    Source:
        Elman (1990).
    """
    projected = project(inputs, kernel, compute_dtype=compute_dtype)
    others = {"bias": bias} | ({} if state_mask is None else {"state_mask": state_mask})
    kernels = {"recurrent_kernel": recurrent_kernel}
    hiddens, (hidden,) = run_recurrence(
        rnn_step, projected, (hidden,), kernels=kernels, others=others, compute_dtype=compute_dtype
    )
    return hiddens, hidden


def rnn_step(multiply: Multiply, others: Mapping[str, Any], state: Tensors, projected: Any) -> tuple[Tensors, Any]:
    """Compute one step of `rnn`, with $x_t W$ given."""
    (hidden,) = state
    hidden = ops.tanh(projected + multiply(masked(hidden, others), "recurrent_kernel") + others["bias"])
    return (hidden,), hidden
