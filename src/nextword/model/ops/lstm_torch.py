"""The LSTM recurrence and its gradient in PyTorch: kernels of oneDNN on a CPU, of cuDNN on an NVIDIA GPU.

The order of its gates is ours: $i, f, g, o$. Its weights are ours transposed, with a second bias that is zero here.
They are packed into one buffer, because cuDNN would otherwise warn and copy them in every call. In bfloat16, PyTorch
also computes gates and cell in bfloat16; our JAX path keeps them in float32. The results are float32.

The tests run this path on a CPU. It has not run on a GPU yet.
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
    """Run the recurrence of `nextword.model.ops.lstm.lstm` over time-major `inputs` `(T, B, I)`.

    Returns:
        The hidden states `(T, B, H)`, and the last hidden state and cell `(B, H)`, in the precision of `inputs`.
    """
    dtype: torch.dtype = getattr(torch, compute_dtype)
    hiddens, hidden, cell = torch.lstm(
        inputs.to(dtype),
        (hidden[None].to(dtype), cell[None].to(dtype)),
        _packed(kernel, recurrent_kernel, bias, dtype),
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),  # keeps the residuals of the gradient only if needed
        bidirectional=False,
        batch_first=False,
    )
    return tuple(result.to(inputs.dtype) for result in (hiddens, hidden[0], cell[0]))


def _packed(
    kernel: torch.Tensor, recurrent_kernel: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype
) -> list[torch.Tensor]:
    """Return weights `(4H, I)`, `(4H, H)`, `(4H,)` and `(4H,)` as differentiable views of one buffer."""
    parts = (kernel.T, recurrent_kernel.T, bias, torch.zeros_like(bias))
    buffer = torch.cat([part.reshape(-1).to(dtype) for part in parts])
    pieces = buffer.split([part.numel() for part in parts])
    return [piece.view(part.shape) for piece, part in zip(pieces, parts, strict=True)]
