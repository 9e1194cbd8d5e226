"""The interface to cuDNN, tested without a GPU: JAX's reference replaces cuDNN."""

from typing import Any

import jax
import numpy as np
import pytest
from jax.experimental import rnn
from numpy.typing import NDArray

from nextword.model.ops.lstm import LSTMState, lstm_reference
from nextword.model.ops.lstm_jax import cudnn_recurrence, packed_weights

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


def drawn(*shapes: tuple[int, ...]) -> tuple[NDArray[np.float32], ...]:
    random = np.random.default_rng(3)
    return tuple(random.normal(size=shape).astype(np.float32) for shape in shapes)


def test_the_weights_are_packed_as_jax_unpacks_them() -> None:
    kernel, recurrent_kernel, bias = drawn(SHAPES["kernel"], SHAPES["recurrent_kernel"], SHAPES["bias"])
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


def test_values_and_all_gradients_match_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnn, "lstm", reference_for_cudnn)
    arguments = drawn(*SHAPES.values())
    gradients = drawn((NUM_STEPS, *STATE), STATE, STATE)

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
    program = gradient(*drawn(*SHAPES.values()), "float32")
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
    traced = jax.jit(jax.grad(loss, argnums=range(6)), static_argnums=6).trace(*drawn(*SHAPES.values()), "float32")
    program = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "@cudnn_rnn_ffi" in program
    assert "@cudnn_rnn_bwd_ffi" in program
