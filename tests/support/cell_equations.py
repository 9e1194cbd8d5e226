"""The equations of all recurrent cells in NumPy, without regard to speed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nextword.model.architecture import Architecture

Weights = Mapping[str, Any]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def step(a: Architecture, w: Weights, x: Any, h: Any, s: Any) -> tuple[Any, Any]:
    """Return the next output and memory cell of a layer; a cell without one returns `s`.

    Args:
        a: Cell and options.
        w: Weights of the layer by name.
        x: Input `(B, I)`.
        h: Output before `(B, H)`.
        s: Memory cell before `(B, H)`.
    """
    match a.cell:
        case "gru":
            return _gru(w, x, h), s
        case "rnn":
            return np.tanh(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"]), s
        case _:
            return _lstm(a, w, x, h, s)


def _lstm(a: Architecture, w: Weights, x: Any, h: Any, s: Any) -> tuple[Any, Any]:
    if a.state_modulation:
        h = 2 * sigmoid(x @ w["modulation_kernel"] + w["modulation_bias"]) * h
    i, f, g, o = np.split(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    s = f * s + i * g
    return o * np.tanh(s), s


def _gru(w: Weights, x: Any, h: Any) -> Any:
    w_z, w_r, w_g = np.split(w["kernel"], 3, axis=-1)
    u_z, u_r, u_g = np.split(w["recurrent_kernel"], 3, axis=-1)
    b_z, b_r, b_g = np.split(w["bias"], 3)
    z, r = sigmoid(x @ w_z + h @ u_z + b_z), sigmoid(x @ w_r + h @ u_r + b_r)
    return z * h + (1 - z) * np.tanh(x @ w_g + (r * h) @ u_g + b_g)
