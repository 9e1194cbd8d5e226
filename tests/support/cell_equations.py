"""The equations of all recurrent cells in NumPy, without regard to speed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nextword.model.architecture import Architecture

Weights = Mapping[str, Any]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def normalize(a: Any) -> Any:
    return (a - a.mean(axis=-1, keepdims=True)) / np.sqrt(a.var(axis=-1, keepdims=True) + 1e-5)


def step(a: Architecture, w: Weights, x: Any, h: Any, s: Any, mask: Any = 1.0) -> tuple[Any, Any]:
    """Return the next output and memory cell of a layer; a cell without one returns `s`.

    Args:
        a: Cell and options.
        w: Weights of the layer by name.
        x: Input `(B, I)`.
        h: Output before `(B, H)`.
        s: Memory cell before `(B, H)`.
        mask: What the output is multiplied by before a recurrent product.
    """
    match a.cell:
        case "gru":
            return _gru(w, x, h, h * mask), s
        case "rnn":
            return np.tanh(x @ w["kernel"] + (h * mask) @ w["recurrent_kernel"] + w["bias"]), s
        case "mogrifier_lstm":
            return _lstm(a, w, *_modulated(a, w, x, h * mask), s)
        case _:
            return _lstm(a, w, x, h * mask, s)


def _lstm(a: Architecture, w: Weights, x: Any, h: Any, s: Any) -> tuple[Any, Any]:
    if a.state_modulation:
        h = 2 * sigmoid(x @ w["modulation_kernel"] + w["modulation_bias"]) * h
    from_input, from_hidden = x @ w["kernel"], h @ w["recurrent_kernel"]
    if a.layer_normalization:
        from_input = w["input_gain"] * normalize(from_input)
        from_hidden = w["recurrent_gain"] * normalize(from_hidden)
    i, f, g, o = np.split(from_input + from_hidden + w["bias"], 4, axis=-1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    if a.cap_input_gate:
        i = np.minimum(i, 1 - f)
    s = f * s + i * g
    seen = w["cell_gain"] * normalize(s) + w["cell_bias"] if a.layer_normalization else s
    return o * np.tanh(seen), s


def _modulated(a: Architecture, w: Weights, x: Any, h: Any) -> tuple[Any, Any]:
    for r in range(1, a.mogrifier_rounds + 1):
        name = f"modulation_{r}"
        q = w[f"{name}_kernel"] if a.mogrifier_rank is None else w[f"{name}_left"] @ w[f"{name}_right"]
        if r % 2:
            x = 2 * sigmoid(h @ q + w[f"{name}_bias"]) * x
        else:
            h = 2 * sigmoid(x @ q + w[f"{name}_bias"]) * h
    return x, h


def _gru(w: Weights, x: Any, h: Any, seen: Any) -> Any:
    w_z, w_r, w_g = np.split(w["kernel"], 3, axis=-1)
    u_z, u_r, u_g = np.split(w["recurrent_kernel"], 3, axis=-1)
    b_z, b_r, b_g = np.split(w["bias"], 3)
    z, r = sigmoid(x @ w_z + seen @ u_z + b_z), sigmoid(x @ w_r + seen @ u_r + b_r)
    return z * h + (1 - z) * np.tanh(x @ w_g + (r * seen) @ u_g + b_g)
