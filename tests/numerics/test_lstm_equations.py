"""The LSTM layer matches the tutorial's equations in float64 NumPy, and Keras's layer.

`test_cell_equations.py` has its gradients, and `unit/model/ops/test_lstm_torch.py` PyTorch's path.
"""

import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.model.layers.lstm import LSTM
from nextword.model.ops.lstm import LSTMState

Draw = Callable[..., NDArray[np.float32]]
Arrays = dict[str, NDArray[Any]]

GATES = "ifgo"
WEIGHTS = ("kernel", "recurrent_kernel", "bias")
GATE_BIASES = {"i": -0.4, "f": 0.9, "g": 0.5, "o": -0.8}
SHAPES = list(itertools.product((1, 3), (1, 7), (1, 5), (1, 9)))  # B, T, I, H


def drawn(draw: Draw, shape: tuple[int, int, int, int]) -> Arrays:
    """Return inputs, a non-zero state, and weights that differ between gates."""
    batch_size, num_steps, input_size, hidden_size = shape
    biases = np.repeat([GATE_BIASES[gate] for gate in GATES], hidden_size)
    return {
        "inputs": draw(batch_size, num_steps, input_size),
        "hidden": draw(batch_size, hidden_size, scale=0.9),
        "cell": draw(batch_size, hidden_size, scale=1.5),
        "kernel": draw(input_size, 4 * hidden_size, scale=input_size**-0.5),
        "recurrent_kernel": draw(hidden_size, 4 * hidden_size, scale=hidden_size**-0.5),
        "bias": (biases + draw(4 * hidden_size, scale=0.2)).astype(np.float32),
    }


def from_equations(arrays: Arrays) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return all hidden states, the last one and the last cell, with the tutorial's symbols and equations."""
    exact = {name: array.astype(np.float64) for name, array in arrays.items()}
    U = dict(zip(GATES, np.split(exact["kernel"], 4, axis=-1), strict=True))  # noqa: N806
    V = dict(zip(GATES, np.split(exact["recurrent_kernel"], 4, axis=-1), strict=True))  # noqa: N806
    b = dict(zip(GATES, np.split(exact["bias"], 4), strict=True))
    h, s, hiddens = exact["hidden"], exact["cell"], []
    for t in range(arrays["inputs"].shape[1]):
        x = exact["inputs"][:, t]
        g = np.tanh(b["g"] + x @ U["g"] + h @ V["g"])
        i = sigmoid(b["i"] + x @ U["i"] + h @ V["i"])
        f = sigmoid(b["f"] + x @ U["f"] + h @ V["f"])
        o = sigmoid(b["o"] + x @ U["o"] + h @ V["o"])
        s = s * f + g * i
        h = np.tanh(s) * o
        hiddens.append(h)
    return np.stack(hiddens, axis=1), h, s


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-x))


@cache
def compiled_layer(input_size: int, hidden_size: int) -> Callable[..., tuple[Any, LSTMState]]:
    """Return our layer as a function of its weights, the inputs and the state."""
    layer = LSTM(hidden_size)
    layer.build((None, None, input_size))

    def run(weights: list[Any], inputs: Any, state: LSTMState) -> Any:
        return layer.stateless_call(weights, [], inputs, state)[0]

    compiled: Callable[..., tuple[Any, LSTMState]] = jax.jit(run)
    return compiled


def from_our_layer(arrays: Arrays) -> tuple[Any, Any, Any]:
    state = LSTMState(arrays["hidden"], arrays["cell"])
    hiddens, state = run_layer(arrays, arrays["inputs"], state)
    return hiddens, state.hidden, state.cell


def run_layer(arrays: Arrays, inputs: Any, state: LSTMState) -> tuple[Any, LSTMState]:
    run = compiled_layer(inputs.shape[-1], arrays["hidden"].shape[-1])
    return run([arrays[name] for name in WEIGHTS], inputs, state)


def largest_difference(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> float:
    assert [np.shape(array) for array in ours] == [np.shape(array) for array in theirs]
    pairs = zip(ours, theirs, strict=True)
    return max(float(np.abs(np.asarray(our) - np.asarray(their)).max()) for our, their in pairs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_layer_matches_the_tutorials_cell(draw: Draw, shape: tuple[int, int, int, int]) -> None:
    arrays = drawn(draw, shape)
    assert largest_difference(from_our_layer(arrays), from_equations(arrays)) <= 2e-6


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(GATES, 2)))
@pytest.mark.parametrize(
    "swapped", [("kernel",), ("recurrent_kernel",), ("bias",), WEIGHTS], ids=["W", "U", "b", "all"]
)
def test_exchanged_gates_are_detected(draw: Draw, one: str, other: str, swapped: tuple[str, ...]) -> None:
    arrays = drawn(draw, (3, 7, 5, 9))
    exchanged = {one: other, other: one}
    order = [GATES.index(exchanged.get(gate, gate)) for gate in GATES]
    mutant = dict(arrays)
    for name in swapped:
        gates = np.split(arrays[name], 4, axis=-1)
        mutant[name] = np.concatenate([gates[index] for index in order], axis=-1)
    assert largest_difference(from_our_layer(mutant), from_equations(arrays)) > 1e-2


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 7, 5, 9)], ids=str)
@pytest.mark.parametrize("from_zero", [True, False])
def test_the_layer_matches_keras_lstm_with_the_same_weights(
    draw: Draw, shape: tuple[int, int, int, int], from_zero: bool
) -> None:
    arrays = drawn(draw, shape)
    if from_zero:
        arrays |= {name: np.zeros_like(arrays[name]) for name in ("hidden", "cell")}
    stock = keras.layers.LSTM(shape[3], return_sequences=True, return_state=True)
    stock.build(arrays["inputs"].shape)
    stock.set_weights([arrays[name] for name in WEIGHTS])
    initial_state = None if from_zero else [arrays["hidden"], arrays["cell"]]
    theirs = stock(arrays["inputs"], initial_state=initial_state)
    assert largest_difference(from_our_layer(arrays), tuple(theirs)) <= 2e-6
