"""The fast recurrence has the values and all gradients of the reference."""

from collections.abc import Callable
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.experimental import rnn
from numpy.typing import NDArray

from nextword.model.ops import lstm as ops
from nextword.model.ops import products
from nextword.model.ops.lstm import LSTMState, cudnn_recurrence, lstm, lstm_path, packed_weights
from support.arrays import assert_near
from support.references import lstm_reference

Arrays = dict[str, NDArray[np.float32]]
Recurrence = Callable[..., tuple[Any, LSTMState]]
Shape = tuple[int, int, int, int]  # B, T, I, H


def drawn(shape: Shape, seed: int = 0) -> tuple[Arrays, tuple[NDArray[np.float32], ...]]:
    """Return all inputs of the recurrence, and cotangents for all of its results."""
    batch_size, num_steps, input_size, hidden_size = shape
    random = np.random.default_rng(seed)

    def normal(*shape: int, scale: float = 1.0) -> NDArray[np.float32]:
        return random.normal(scale=scale, size=shape).astype(np.float32)

    arrays = {
        "inputs": normal(batch_size, num_steps, input_size),
        "hidden": normal(batch_size, hidden_size, scale=0.5),
        "cell": normal(batch_size, hidden_size),
        "kernel": normal(input_size, 4 * hidden_size, scale=input_size**-0.5),
        "recurrent_kernel": normal(hidden_size, 4 * hidden_size, scale=hidden_size**-0.5),
        "bias": normal(4 * hidden_size),
    }
    state = (batch_size, hidden_size)
    return arrays, (normal(batch_size, num_steps, hidden_size), normal(*state), normal(*state))


def values_and_gradients(
    recurrence: Recurrence, arrays: Arrays, cotangents: tuple[Any, ...], compute_dtype: str | None = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return hidden states, last hidden state and cell, and the gradient of each array."""
    values, gradients = compiled(recurrence, compute_dtype, products.CHUNK_ROWS)(arrays, cotangents)
    return values, gradients


@cache
def compiled(recurrence: Recurrence, compute_dtype: str | None, _chunk_rows: int) -> Callable[..., Any]:
    options = {"compute_dtype": compute_dtype} if compute_dtype else {}

    def run(arrays: Arrays) -> tuple[Any, ...]:
        weights = {name: arrays[name] for name in ("kernel", "recurrent_kernel", "bias")}
        hiddens, state = recurrence(arrays["inputs"], LSTMState(arrays["hidden"], arrays["cell"]), **weights, **options)
        return (hiddens, *state)

    def both(arrays: Arrays, cotangents: tuple[Any, ...]) -> Any:
        values, pull_back = jax.vjp(run, arrays)
        return values, pull_back(cotangents)[0]

    function: Callable[..., Any] = jax.jit(both)
    return function


def assert_paths_agree(shape: Shape, seed: int, compute_dtype: str, tolerance: float) -> None:
    arrays, cotangents = drawn(shape, seed)
    fast = values_and_gradients(lstm, arrays, cotangents, compute_dtype=compute_dtype)
    assert_near(fast, values_and_gradients(lstm_reference, arrays, cotangents), tolerance)
    assert fast[1].keys() == arrays.keys()


sizes = st.integers(1, 6)


@settings(max_examples=3)
@given(st.tuples(sizes, sizes, sizes, sizes), st.integers(0, 2**32 - 1))
def test_values_and_all_gradients_match_the_reference(shape: Shape, seed: int) -> None:
    assert_paths_agree(shape, seed, "float32", tolerance=1e-5)


def test_weight_gradients_of_several_chunks_match_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "CHUNK_ROWS", 4)
    assert_paths_agree((3, 5, 7, 4), 0, "float32", tolerance=1e-5)


# Shapes for which XLA does not use its regular bfloat16 product.
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 4, 1, 5), (3, 1, 7, 1), (1, 2, 3, 1), (5, 3, 33, 17)], ids=str)
def test_bfloat16_runs_in_every_shape_and_is_close_to_the_reference(shape: Shape) -> None:
    assert_paths_agree(shape, 1, "bfloat16", tolerance=4e-2)


def test_bfloat16_is_less_precise_than_float32() -> None:
    arrays, cotangents = drawn((5, 3, 33, 17))
    exact, exact_gradients = values_and_gradients(lstm, arrays, cotangents, compute_dtype="float32")
    coarse, coarse_gradients = values_and_gradients(lstm, arrays, cotangents, compute_dtype="bfloat16")
    assert float(np.abs(exact[0] - coarse[0]).max()) > 1e-4
    for name, gradient in coarse_gradients.items():
        assert float(np.abs(gradient - exact_gradients[name]).max()) > 1e-4, name


def test_saturated_gates_give_finite_gradients() -> None:
    arrays, cotangents = drawn((2, 3, 4, 5))
    arrays["bias"] *= 1000
    values, gradients = values_and_gradients(lstm, arrays, cotangents)
    assert all(np.isfinite(array).all() for array in (*values, *gradients.values()))


# In bfloat16 the sigmoid of 6.2 and more is 1, but its gradient must not be 0.
@pytest.mark.parametrize("gate", range(4), ids=["input", "forget", "candidate", "output"])
@pytest.mark.parametrize("bias", [-7.0, 7.0])
def test_bfloat16_keeps_the_gradient_of_a_nearly_saturated_gate(gate: int, bias: float) -> None:
    arrays, cotangents = drawn((8, 5, 16, 12))
    of_gate = slice(gate * 12, (gate + 1) * 12)
    arrays["bias"][of_gate] = bias
    _, exact = values_and_gradients(lstm_reference, arrays, cotangents)
    _, coarse = values_and_gradients(lstm, arrays, cotangents, compute_dtype="bfloat16")
    expected, found = (np.asarray(gradients["bias"])[of_gate] for gradients in (exact, coarse))
    assert np.linalg.norm(found - expected) < 0.05 * np.linalg.norm(expected)


@pytest.mark.parametrize(("compute_dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 4e-2)])
def test_a_modulated_state_matches_the_values_and_gradients_of_the_reference(
    compute_dtype: str, tolerance: float
) -> None:
    factors = np.random.default_rng(4).uniform(0.0, 2.0, size=(3, 5, 4)).astype(np.float32)
    arrays, cotangents = drawn((3, 5, 7, 4), seed=1)
    fast, slow = (partial(run, modulation=factors) for run in (lstm, lstm_reference))
    found = values_and_gradients(fast, arrays, cotangents, compute_dtype=compute_dtype)
    reference = values_and_gradients(slow, arrays, cotangents)
    assert_near(found, reference, tolerance)
    assert not np.allclose(reference[0][0], values_and_gradients(lstm_reference, arrays, cotangents)[0][0], atol=1e-2)


# The choice of cuDNN.


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Pretend that JAX's default device is an NVIDIA GPU, with a fake cuDNN LSTM."""
    device = SimpleNamespace(platform="gpu", client=SimpleNamespace(platform_version="PJRT C API\ncuda 12080"))
    monkeypatch.setattr(ops, "default_device", lambda: device)
    monkeypatch.setattr(ops, "cudnn_recurrence", lambda *_arguments: (np.zeros((LARGE, 2, 4)), 0, 0))
    return device


LARGE = 128  # steps of two rows: 256 tokens


def uses_cudnn(num_steps: int = LARGE, **options: Any) -> bool:
    arrays, _ = drawn((2, num_steps, 3, 4))
    weights = {name: arrays[name] for name in ("kernel", "recurrent_kernel", "bias")}
    hiddens, _ = lstm(arrays["inputs"], LSTMState(arrays["hidden"], arrays["cell"]), **{**weights, **options})
    return not np.any(hiddens)


def test_a_cpu_uses_the_scan() -> None:
    assert not ops.cudnn_is_available()
    assert not uses_cudnn()
    assert lstm_path() == "a scan with a custom gradient"


@pytest.mark.usefixtures("card")
def test_an_nvidia_gpu_uses_cudnn_for_large_windows_in_float32() -> None:
    assert uses_cudnn()
    assert not uses_cudnn(LARGE - 1)
    assert not uses_cudnn(compute_dtype="bfloat16")
    assert lstm_path().startswith("cuDNN for large windows in float32")


@pytest.mark.usefixtures("card")
def test_a_modulated_state_uses_the_scan() -> None:
    assert not uses_cudnn(modulation=np.ones((2, LARGE, 4), np.float32))


def test_another_gpu_uses_the_scan(card: SimpleNamespace) -> None:
    card.client.platform_version = "rocm 70000"
    assert not uses_cudnn()


@pytest.mark.usefixtures("card")
def test_a_distributed_batch_uses_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.distribution.distribution", object)
    assert not uses_cudnn()


# The interface to cuDNN, tested without a GPU: JAX's reference replaces cuDNN.

NUM_STEPS, BATCH_SIZE, INPUT_SIZE, HIDDEN_SIZE = 5, 3, 4, 6
STATE = (BATCH_SIZE, HIDDEN_SIZE)
SHAPES = {
    "inputs": (NUM_STEPS, BATCH_SIZE, INPUT_SIZE),
    "hidden": STATE,
    "cell": STATE,
    "kernel": (INPUT_SIZE, 4 * HIDDEN_SIZE),
    "recurrent_kernel": (HIDDEN_SIZE, 4 * HIDDEN_SIZE),
    "bias": (4 * HIDDEN_SIZE,),
}


def normal(*shapes: tuple[int, ...]) -> tuple[NDArray[np.float32], ...]:
    random = np.random.default_rng(3)
    return tuple(random.normal(size=shape).astype(np.float32) for shape in shapes)


def test_the_weights_are_packed_as_jax_unpacks_them() -> None:
    kernel, recurrent_kernel, bias = normal(SHAPES["kernel"], SHAPES["recurrent_kernel"], SHAPES["bias"])
    packed = packed_weights(*map(jax.numpy.asarray, (kernel, recurrent_kernel, bias)))
    assert packed.shape == (rnn.get_num_params_in_lstm(INPUT_SIZE, HIDDEN_SIZE, 1, False),)
    of_inputs, of_hidden, bias_of_inputs, bias_of_hidden = rnn.unpack_lstm_weights(
        packed, INPUT_SIZE, HIDDEN_SIZE, 1, False
    )
    np.testing.assert_array_equal(of_inputs[0], kernel.T)
    np.testing.assert_array_equal(of_hidden[0], recurrent_kernel.T)
    np.testing.assert_array_equal(bias_of_inputs[0], bias)
    assert not np.any(bias_of_hidden[0])


def reference_for_cudnn(
    inputs: Any, hidden: Any, cell: Any, weights: Any, seq_lengths: Any, *sizes: Any
) -> tuple[Any, Any, Any]:
    """JAX's reference for its cuDNN call, with the same arguments."""
    *of_layers, _precision = sizes
    input_size, hidden_size, num_layers, _dropout, bidirectional = of_layers
    unpacked = rnn.unpack_lstm_weights(weights, input_size, hidden_size, num_layers, bidirectional)
    results: tuple[Any, Any, Any] = rnn.lstm_ref(inputs, hidden, cell, *unpacked, seq_lengths, *of_layers)
    return results


def test_values_and_gradients_of_cudnn_match_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnn, "lstm", reference_for_cudnn)
    arguments = normal(*SHAPES.values())
    gradients = normal((NUM_STEPS, *STATE), STATE, STATE)

    def ours(*arguments: Any) -> Any:
        return cudnn_recurrence.__wrapped__(*arguments, "float32")

    def reference(inputs: Any, hidden: Any, cell: Any, kernel: Any, recurrent_kernel: Any, bias: Any) -> Any:
        weights = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}
        hiddens, state = lstm_reference(inputs.transpose(1, 0, 2), LSTMState(hidden, cell), **weights)
        return hiddens.transpose(1, 0, 2), *state

    (found, pull_back), (expected, pull_back_expected) = (
        jax.vjp(function, *arguments) for function in (ours, reference)
    )
    for name, our, their in zip(("hiddens", "hidden", "cell"), found, expected, strict=True):
        np.testing.assert_allclose(our, their, atol=1e-5, err_msg=name)
    for name, our, their in zip(SHAPES, pull_back(gradients), pull_back_expected(gradients), strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-5, atol=1e-5, err_msg=f"gradient of {name}")


def loss(*arguments: Any) -> Any:
    *arrays, compute_dtype = arguments
    return sum(result.sum() for result in cudnn_recurrence.__wrapped__(*arrays, compute_dtype))


@pytest.fixture
def without_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the query for cuDNN's workspace size, the only one that needs a GPU before the program runs."""
    monkeypatch.setattr(
        rnn.gpu_rnn, "compute_rnn_workspace_reserve_space_sizes", lambda *_sizes: (32, 64), raising=False
    )


@pytest.mark.usefixtures("without_a_card")
def test_cudnn_runs_forward_and_backward_in_full_float32() -> None:
    gradient = jax.make_jaxpr(jax.grad(loss, argnums=range(6)), static_argnums=6)
    program = gradient(*normal(*SHAPES.values()), "float32")
    calls = {call.primitive.name: call for call in program.eqns if call.primitive.name.startswith("rnn")}
    assert calls.keys() == {"rnn_fwd", "rnn_bwd"}
    sizes = {"input_size": INPUT_SIZE, "hidden_size": HIDDEN_SIZE, "num_layers": 1, "bidirectional": False}
    for call in calls.values():
        assert {**sizes, "dropout": 0.0, "cudnn_allow_tf32": False} == call.params
        assert {str(value.aval.dtype) for value in call.outvars} == {"float32"}
    assert [value.shape for value in program.out_avals] == list(SHAPES.values())


@pytest.mark.usefixtures("without_a_card")
@pytest.mark.skipif(
    getattr(rnn.gpu_rnn, "_cuda_rnn", None) is None, reason="needs JAX's plugin for CUDA: install jax[cuda13]"
)
def test_forward_and_backward_are_lowered_for_cuda() -> None:
    traced = jax.jit(jax.grad(loss, argnums=range(6)), static_argnums=6).trace(*normal(*SHAPES.values()), "float32")
    program = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "@cudnn_rnn_ffi" in program
    assert "@cudnn_rnn_bwd_ffi" in program
