"""Every recurrent cell, option and gradient matches its equations in float64 NumPy."""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.model.layers.gru import GRU
from nextword.model.layers.lstm import LSTM
from nextword.model.layers.mogrifier_lstm import MogrifierLSTM
from nextword.model.layers.recurrence import STATE_TYPES, Recurrence
from nextword.model.layers.rnn import RNN

Draw = Callable[..., NDArray[np.float32]]
Arrays = dict[str, NDArray[Any]]
Results = tuple[Any, ...]

B, T, I, H, K = 3, 4, 2, 5, 2  # noqa: E741
NUM_ROUNDS = 3
STATE = ("hidden", "cell")


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def normalize(a: Any) -> Any:
    return (a - a.mean(axis=-1, keepdims=True)) / np.sqrt(a.var(axis=-1, keepdims=True) + 1e-5)


def lstm_step(a: Any, s: Any, *, cap: bool, before_tanh: Callable[[Any], Any] = lambda s: s) -> tuple[Any, Any]:
    i, f, g, o = np.split(a, 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    if cap:
        i = np.minimum(i, 1 - f)
    s = f * s + i * g
    return o * np.tanh(before_tanh(s)), s


def lstm_equations(p: Arrays, x: Any, h: Any, s: Any, *, cap: bool) -> tuple[Any, Any]:
    return lstm_step(x @ p["kernel"] + (h * p["state_mask"]) @ p["recurrent_kernel"] + p["bias"], s, cap=cap)


def normalized_equations(p: Arrays, x: Any, h: Any, s: Any, *, cap: bool) -> tuple[Any, Any]:
    from_input = p["input_gain"] * normalize(x @ p["kernel"])
    from_hidden = p["recurrent_gain"] * normalize((h * p["state_mask"]) @ p["recurrent_kernel"])
    return lstm_step(
        from_input + from_hidden + p["bias"],
        s,
        cap=cap,
        before_tanh=lambda s: p["cell_gain"] * normalize(s) + p["cell_bias"],
    )


def mogrifier_equations(p: Arrays, x: Any, h: Any, s: Any, *, factored: bool) -> tuple[Any, Any]:
    h = h * p["state_mask"]
    for r in range(1, NUM_ROUNDS + 1):
        name = f"modulation_{r}"
        matrix = p[f"{name}_left"] @ p[f"{name}_right"] if factored else p[f"{name}_kernel"]
        if r % 2 == 1:
            x = 2 * sigmoid(h @ matrix + p[f"{name}_bias"]) * x
        else:
            h = 2 * sigmoid(x @ matrix + p[f"{name}_bias"]) * h
    return lstm_step(x @ p["kernel"] + h @ p["recurrent_kernel"] + p["bias"], s, cap=True)


def gru_equations(p: Arrays, x: Any, h: Any, s: Any) -> tuple[Any, Any]:
    w_z, w_r, w_g = np.split(p["kernel"], 3, axis=-1)
    u_z, u_r, u_g = np.split(p["recurrent_kernel"], 3, axis=-1)
    b_z, b_r, b_g = np.split(p["bias"], 3)
    seen = h * p["state_mask"]
    z = sigmoid(x @ w_z + seen @ u_z + b_z)
    r = sigmoid(x @ w_r + seen @ u_r + b_r)
    g = np.tanh(x @ w_g + (r * seen) @ u_g + b_g)
    return z * h + (1 - z) * g, s


def rnn_equations(p: Arrays, x: Any, h: Any, s: Any) -> tuple[Any, Any]:
    return np.tanh(x @ p["kernel"] + (h * p["state_mask"]) @ p["recurrent_kernel"] + p["bias"]), s


class Cell(NamedTuple):
    """A layer and its equations."""

    layer: Callable[..., Recurrence]
    equations: Callable[..., tuple[Any, Any]]
    options: dict[str, Any]
    shapes: Mapping[str, tuple[int, ...]] = MappingProxyType({})  # of weights specific to this cell


def modulations(*, factored: bool) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for r in range(1, NUM_ROUNDS + 1):
        source, target = (H, I) if r % 2 else (I, H)
        name = f"modulation_{r}"
        shapes |= {f"{name}_left": (source, K), f"{name}_right": (K, target)} if factored else {}
        shapes |= {} if factored else {f"{name}_kernel": (source, target)}
        shapes[f"{name}_bias"] = (target,)
    return shapes


GAINS = {"input_gain": (4 * H,), "recurrent_gain": (4 * H,), "cell_gain": (H,), "cell_bias": (H,)}
CAPPED: dict[str, Any] = {"cap_input_gate": True}
NORMALIZED: dict[str, Any] = {"layer_normalization": True}
MOGRIFIER = {"num_rounds": NUM_ROUNDS, **CAPPED}
CELLS = {
    "lstm": Cell(LSTM, lambda *a: lstm_equations(*a, cap=False), {}),
    "capped": Cell(LSTM, lambda *a: lstm_equations(*a, cap=True), CAPPED),
    "normalized": Cell(LSTM, lambda *a: normalized_equations(*a, cap=False), NORMALIZED, GAINS),
    "normalized and capped": Cell(LSTM, lambda *a: normalized_equations(*a, cap=True), NORMALIZED | CAPPED, GAINS),
    "mogrifier": Cell(
        MogrifierLSTM, lambda *a: mogrifier_equations(*a, factored=False), MOGRIFIER, modulations(factored=False)
    ),
    "mogrifier of low rank": Cell(
        MogrifierLSTM,
        lambda *a: mogrifier_equations(*a, factored=True),
        {**MOGRIFIER, "rank": K},
        modulations(factored=True),
    ),
    "gru": Cell(GRU, gru_equations, {}),
    "rnn": Cell(RNN, rnn_equations, {}),
}
every_cell = pytest.mark.parametrize("name", CELLS)


def drawn(draw: Draw, name: str) -> Arrays:
    """Return all inputs of a cell; half of the hidden state is masked in each row."""
    cell = CELLS[name]
    width = layer_of(name).kind.num_gates * H
    mask = np.zeros((B, H), np.float32)
    mask[:, ::2] = 1.6
    return {
        "inputs": draw(B, T, I),
        "hidden": draw(B, H, scale=0.9),
        "cell": draw(B, H, scale=1.5),
        "kernel": draw(I, width),
        "recurrent_kernel": draw(H, width, scale=H**-0.5),
        "bias": draw(width, scale=0.5),
        "state_mask": mask,
        **{name: draw(*shape) for name, shape in cell.shapes.items()},
    }


def from_equations(name: str, arrays: Arrays) -> Results:
    exact = {key: array.astype(np.float64) for key, array in arrays.items()}
    h, s, hiddens = exact["hidden"], exact["cell"], []
    for t in range(exact["inputs"].shape[1]):
        h, s = CELLS[name].equations(exact, exact["inputs"][:, t], h, s)
        hiddens.append(h)
    return np.stack(hiddens, axis=1), h, s


@cache
def layer_of(name: str) -> Recurrence:
    """Return the layer of a cell, with a masked state in training."""
    layer = CELLS[name].layer(H, state_dropout_rate=0.5, **CELLS[name].options)
    layer.build((None, None, I))
    return layer


def outputs_of(layer: Recurrence, arrays: Arrays) -> tuple[Any, Any]:
    """Run a layer with `arrays` instead of its weights and its random mask."""
    state = STATE_TYPES[layer.kind.state](*(arrays[key] for key in layer.kind.state))
    weights = [(variable, arrays[variable.name]) for variable in layer.weights]
    with keras.StatelessScope(state_mapping=weights), pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer, "_state_mask", lambda _hidden: arrays["state_mask"])
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
    assert not np.any(gradients.pop("state_mask"))
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
    for key in ("recurrent_kernel", "hidden", *CELLS[name].shapes):
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
        ("gru", lambda: keras.layers.GRU(H, return_sequences=True, reset_after=False)),
        ("rnn", lambda: keras.layers.SimpleRNN(H, return_sequences=True)),
    ],
)
def test_a_cell_for_comparison_matches_keras(draw: Draw, name: str, stock: Callable[[], Any]) -> None:
    arrays = drawn(draw, name) | {"state_mask": np.ones((B, H), np.float32)}
    layer = stock()
    layer.build(arrays["inputs"].shape)
    layer.set_weights([arrays[key] for key in ("kernel", "recurrent_kernel", "bias")])
    theirs = layer(arrays["inputs"], initial_state=[arrays["hidden"]])
    np.testing.assert_allclose(from_our_layer(name, arrays)[0], theirs, atol=2e-6)


def test_a_capped_cell_stays_between_minus_one_and_one(draw: Draw) -> None:
    arrays = drawn(draw, "capped")
    open_gates = np.repeat(np.array([3.0, 3.0, 2.0, 0.0], np.float32), H)  # i, f and g near 1 at every step
    arrays |= {"inputs": 0.1 * draw(B, 40, I), "cell": np.clip(arrays["cell"], -1, 1), "bias": open_gates}
    arrays["recurrent_kernel"] *= 0.1
    free, bounded = (np.abs(from_our_layer(name, arrays)[2]).max() for name in ("lstm", "capped"))
    assert bounded <= 1 + 1e-6
    assert free > 5


def test_a_mogrifier_with_zero_rounds_is_an_lstm(draw: Draw) -> None:
    arrays = drawn(draw, "capped")
    layer = MogrifierLSTM(H, num_rounds=0, state_dropout_rate=0.5, cap_input_gate=True)
    layer.build((None, None, I))
    hiddens, _ = outputs_of(layer, arrays)
    np.testing.assert_allclose(hiddens, from_our_layer("capped", arrays)[0], atol=1e-6)
