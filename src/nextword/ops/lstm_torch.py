"""The LSTM recurrence by PyTorch's own: oneDNN's kernels on a CPU, cuDNN's on an NVIDIA GPU, and their gradients.

Its gates are in our order $i, f, g, o$; its weights are ours transposed, with a second bias that is zero here. They
are packed into one buffer, as cuDNN wants them: handed over apart, it would warn and copy them at every call. Kernels
and gradient are PyTorch's, so in bfloat16 the gates and the cell are bfloat16, too, where our JAX path keeps them
float32; what comes out is float32 again.

On a CPU the tests run this path; it has not run on a GPU yet.
"""

import torch

Tensors = tuple[torch.Tensor, ...]


def lstm_recurrence(
    inputs: torch.Tensor,
    hidden: torch.Tensor,
    cell: torch.Tensor,
    kernel: torch.Tensor,
    recurrent_kernel: torch.Tensor,
    bias: torch.Tensor,
    compute_dtype: str,
) -> Tensors:
    """Run the recurrence of `nextword.ops.lstm.lstm` over time-major `inputs` `(T, B, I)`.

    Returns:
        The hidden states `(T, B, H)`, and the last hidden and cell `(B, H)`, in the precision of `inputs`.
    """
    dtype: torch.dtype = getattr(torch, compute_dtype)
    hiddens, hidden, cell = torch.lstm(
        inputs.to(dtype),
        (hidden[None].to(dtype), cell[None].to(dtype)),
        _packed(kernel, recurrent_kernel, bias, dtype),
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),  # what the gradient needs is kept only if asked for
        bidirectional=False,
        batch_first=False,
    )
    return tuple(result.to(inputs.dtype) for result in (hiddens, hidden[0], cell[0]))


def _packed(
    kernel: torch.Tensor, recurrent_kernel: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype
) -> list[torch.Tensor]:
    """Return `(4H, I)`, `(4H, H)`, `(4H,)` and `(4H,)` as views of one buffer, through which the gradient flows."""
    parts = (kernel.T, recurrent_kernel.T, bias, torch.zeros_like(bias))
    buffer = torch.cat([part.reshape(-1).to(dtype) for part in parts])
    pieces = buffer.split([part.numel() for part in parts])
    return [piece.view(part.shape) for piece, part in zip(pieces, parts, strict=True)]
