"""PyTorch's LSTM matches the equations in float64."""

import importlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from support.arrays import assert_near

torch: Any = pytest.importorskip("torch", reason="needs torch, which is not installed")
lstm_recurrence: Any = importlib.import_module("nextword.model.ops.lstm_torch").lstm_recurrence

Shape = tuple[int, int, int, int]  # T, B, I, H
NAMES = ("inputs", "hidden", "cell", "kernel", "recurrent_kernel", "bias")


def drawn(shape: Shape, seed: int = 0) -> tuple[list[Any], list[Any]]:
    """Return all inputs of the recurrence, and cotangents for all of its results."""
    num_steps, batch_size, input_size, hidden_size = shape
    random = np.random.default_rng(seed)

    def normal(*size: int, scale: float = 1.0) -> Any:
        return torch.tensor(random.normal(scale=scale, size=size).astype(np.float32))

    gates, state = 4 * hidden_size, (batch_size, hidden_size)
    arguments = [
        normal(num_steps, batch_size, input_size),
        normal(*state, scale=0.5),
        normal(*state),
        normal(input_size, gates, scale=input_size**-0.5),
        normal(hidden_size, gates, scale=hidden_size**-0.5),
        normal(gates),
    ]
    return arguments, [normal(num_steps, *state), normal(*state), normal(*state)]


def from_equations(inputs: Any, hidden: Any, cell: Any, kernel: Any, recurrent_kernel: Any, bias: Any) -> Any:
    hiddens = []
    for x_t in inputs:
        i, f, g, o = (x_t @ kernel + hidden @ recurrent_kernel + bias).chunk(4, dim=-1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        hiddens.append(hidden)
    return torch.stack(hiddens), hidden, cell


def values_and_gradients(function: Any, arguments: list[Any], cotangents: list[Any]) -> dict[str, NDArray[Any]]:
    arguments = [argument.clone().requires_grad_() for argument in arguments]
    values = function(*arguments)
    gradients = torch.autograd.grad(values, arguments, [c.to(v.dtype) for c, v in zip(cotangents, values, strict=True)])
    found = dict(zip(("hiddens", "last hidden", "last cell"), values, strict=True))
    found |= {f"gradient of {name}": gradient for name, gradient in zip(NAMES, gradients, strict=True)}
    return {name: tensor.detach().numpy() for name, tensor in found.items()}


def from_pytorch(compute_dtype: str, arguments: list[Any], cotangents: list[Any]) -> dict[str, NDArray[Any]]:
    return values_and_gradients(lambda *given: lstm_recurrence(*given, compute_dtype), arguments, cotangents)


def exactly(arguments: list[Any], cotangents: list[Any]) -> dict[str, NDArray[Any]]:
    return values_and_gradients(from_equations, [argument.double() for argument in arguments], cotangents)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (7, 3, 5, 9), (2, 1, 33, 4), (35, 4, 16, 32)], ids=str)
@pytest.mark.parametrize(("compute_dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 4e-2)])
def test_values_and_all_gradients_match_the_equations(shape: Shape, compute_dtype: str, tolerance: float) -> None:
    arguments, cotangents = drawn(shape)
    assert_near(from_pytorch(compute_dtype, arguments, cotangents), exactly(arguments, cotangents), tolerance)


def test_bfloat16_is_less_precise_than_float32() -> None:
    arguments, cotangents = drawn((7, 3, 5, 9))
    exact, coarse = (from_pytorch(dtype, arguments, cotangents) for dtype in ("float32", "bfloat16"))
    for name, array in exact.items():
        assert float(np.abs(coarse[name] - array).max()) > 1e-4, name


def test_values_are_the_same_without_gradients() -> None:
    arguments, cotangents = drawn((5, 3, 4, 6))
    with torch.no_grad():
        hiddens, hidden, cell = lstm_recurrence(*arguments, "float32")
    found = from_pytorch("float32", arguments, cotangents)
    for name, tensor in zip(("hiddens", "last hidden", "last cell"), (hiddens, hidden, cell), strict=True):
        np.testing.assert_allclose(tensor.numpy(), found[name], atol=1e-6, err_msg=name)


def test_the_weights_are_in_one_buffer_for_cudnn() -> None:
    arguments, _ = drawn((2, 3, 4, 5))
    kernel, recurrent_kernel, bias = arguments[3:]
    packed = importlib.import_module("nextword.model.ops.lstm_torch")._packed(
        kernel, recurrent_kernel, bias, torch.float32
    )
    starts = np.cumsum([0, *(weight.numel() for weight in packed)])
    assert [weight.storage_offset() for weight in packed] == starts[:-1].tolist()
    assert len({weight.untyped_storage().data_ptr() for weight in packed}) == 1
    assert all(weight.is_contiguous() for weight in packed)
    assert packed[0].untyped_storage().nbytes() == 4 * starts[-1]
