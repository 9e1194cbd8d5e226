"""Every recurrent cell, option and gradient matches its equations in float64 NumPy."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.model.architecture import Architecture
from nextword.model.layers.recurrence import STATE_TYPES, Recurrence
from nextword.model.recurrent_stack import make_recurrent_layer
from support.cell_equations import step

Draw = Callable[..., NDArray[np.float32]]
Arrays = dict[str, NDArray[Any]]
Results = tuple[Any, ...]

B, T, I, H = 3, 4, 2, 5  # noqa: E741
STATE = ("hidden", "cell")


OPTIONS: dict[str, dict[str, Any]] = {
    "lstm": {},
    "modulated": {"state_modulation": True},
    "gru": {"cell": "gru"},
    "rnn": {"cell": "rnn"},
}
SIZES: dict[str, Any] = {"vocabulary_size": 2, "embedding_size": I, "hidden_sizes": (H,)}
CELLS = {name: Architecture(**SIZES, **options) for name, options in OPTIONS.items()}
every_cell = pytest.mark.parametrize("name", CELLS)


def drawn(draw: Draw, name: str) -> Arrays:
    """Return all inputs of a cell."""
    scales = {"recurrent_kernel": H**-0.5, "bias": 0.5}
    return {
        "inputs": draw(B, T, I),
        "hidden": draw(B, H, scale=0.9),
        "cell": draw(B, H, scale=1.5),
        **{key: draw(*shape, scale=scales.get(key, 1.0)) for key, shape in shapes_of(name).items()},
    }


def shapes_of(name: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of a cell."""
    prefix = f"{CELLS[name].cell}_0/"
    shapes = CELLS[name].weight_shapes().items()
    return {key.removeprefix(prefix): shape for key, shape in shapes if key.startswith(prefix)}


def from_equations(name: str, arrays: Arrays) -> Results:
    exact = {key: array.astype(np.float64) for key, array in arrays.items()}
    h, s, hiddens = exact["hidden"], exact["cell"], []
    for t in range(exact["inputs"].shape[1]):
        h, s = step(CELLS[name], exact, exact["inputs"][:, t], h, s)
        hiddens.append(h)
    return np.stack(hiddens, axis=1), h, s


@cache
def layer_of(name: str) -> Recurrence:
    """Return the layer of a cell."""
    layer = make_recurrent_layer(CELLS[name], 0)
    layer.build((None, None, I))
    return layer


def outputs_of(layer: Recurrence, arrays: Arrays) -> tuple[Any, Any]:
    """Run a layer with `arrays` instead of its weights."""
    state = STATE_TYPES[layer.kind.state](*(arrays[key] for key in layer.kind.state))
    weights = [(variable, arrays[variable.name]) for variable in layer.weights]
    with keras.StatelessScope(state_mapping=weights):
        hiddens, after = layer.call(arrays["inputs"], state, training=True)
    return hiddens, after


def from_our_layer(name: str, arrays: Arrays) -> Results:
    hiddens, state = outputs_of(layer_of(name), arrays)
    return (hiddens, *state) if len(state) == 2 else (hiddens, *state, arrays["cell"])  # a cell that is not carried


@cache
def compiled(name: str) -> Callable[[Arrays, Results], tuple[Results, Arrays]]:
    """Return our results, and the gradient of their scalar product with cotangents."""

    def run(arrays: Arrays, cotangents: Results) -> tuple[Results, Arrays]:
        results, pull_back = jax.vjp(lambda arrays: from_our_layer(name, arrays), arrays)
        return results, pull_back(cotangents)[0]

    function: Callable[[Arrays, Results], tuple[Results, Arrays]] = jax.jit(run)
    return function


@every_cell
def test_the_cell_matches_its_equations(draw: Draw, name: str) -> None:
    arrays = drawn(draw, name)
    cotangents = (draw(B, T, H), draw(B, H), draw(B, H))
    ours, gradients = compiled(name)(arrays, cotangents)
    for array, exact in zip(ours, from_equations(name, arrays), strict=True):
        np.testing.assert_allclose(array, exact, atol=4e-6)
    for key, gradient in gradients.items():
        slope = slope_along(gradient, arrays, cotangents, name, key)
        assert slope == pytest.approx(float(np.linalg.norm(gradient)), rel=2e-4), key


def slope_along(gradient: Any, arrays: Arrays, cotangents: Results, name: str, key: str, step: float = 1e-5) -> float:
    """Return the derivative of the equations along a gradient of length 1, by central differences in float64.

    It equals the length of a correct gradient, and is smaller for every wrong gradient.
    """
    direction = np.asarray(gradient, np.float64) / np.linalg.norm(gradient)
    ends = []
    for sign in (1, -1):
        moved = {**arrays, key: arrays[key].astype(np.float64) + sign * step * direction}
        pairs = zip(from_equations(name, moved), cotangents, strict=True)
        ends.append(sum(float((a * b).sum()) for a, b in pairs))
    return (ends[0] - ends[1]) / (2 * step)


@every_cell
def test_the_gradient_of_a_weight_is_correct_in_every_element(draw: Draw, name: str) -> None:
    arrays = drawn(draw, name)
    cotangents = (draw(B, T, H), draw(B, H), draw(B, H))
    _, gradients = compiled(name)(arrays, cotangents)
    for key in {"hidden", *shapes_of(name)} - {"kernel", "bias"}:
        flat, slopes = np.ravel(gradients[key]), []
        for index in range(flat.size):
            one = np.zeros(flat.size)
            one[index] = 1.0
            slopes.append(slope_along(one.reshape(arrays[key].shape), arrays, cotangents, name, key))
        np.testing.assert_allclose(flat, slopes, atol=2e-5 * np.abs(slopes).max(), err_msg=key)


@every_cell
def test_a_sequence_in_two_parts_equals_the_whole_sequence(draw: Draw, name: str) -> None:
    arrays = drawn(draw, name)
    whole, *last = from_our_layer(name, arrays)
    first, *state = from_our_layer(name, {**arrays, "inputs": arrays["inputs"][:, :1]})
    rest = {**arrays, "inputs": arrays["inputs"][:, 1:], **dict(zip(STATE, state, strict=True))}
    second, *after = from_our_layer(name, rest)
    np.testing.assert_allclose(np.concatenate((first, second), axis=1), whole, atol=1e-6)
    for ours, theirs in zip(after, last, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "stock"),
    [
        ("lstm", lambda: keras.layers.LSTM(H, return_sequences=True)),
        ("gru", lambda: keras.layers.GRU(H, return_sequences=True, reset_after=False)),
        ("rnn", lambda: keras.layers.SimpleRNN(H, return_sequences=True)),
    ],
)
def test_a_cell_matches_that_of_keras_with_the_same_weights(draw: Draw, name: str, stock: Callable[[], Any]) -> None:
    arrays = drawn(draw, name)
    layer = stock()
    layer.build(arrays["inputs"].shape)
    layer.set_weights([arrays[key] for key in ("kernel", "recurrent_kernel", "bias")])
    theirs = layer(arrays["inputs"], initial_state=[arrays[key] for key in layer_of(name).kind.state])
    np.testing.assert_allclose(from_our_layer(name, arrays)[0], theirs, atol=2e-6)
