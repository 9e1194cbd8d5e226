"""An LSTM layer over a text, step by step, with all that happens inside the cell, in NumPy and float64."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.bundle import Bundle

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LSTMSteps:
    """Gates and state of an LSTM layer at each step; all arrays are `(T, H)`."""

    i: Doubles  # input gate, 0 to 1
    f: Doubles  # forget gate, 0 to 1
    g: Doubles  # candidate, -1 to 1
    o: Doubles  # output gate, 0 to 1
    c: Doubles  # cell after the step
    h: Doubles  # hidden state after the step, -1 to 1
    m: Doubles | None = None  # the modulated hidden state that the gates read, -2 to 2

    @classmethod
    def run(
        cls,
        inputs: Doubles,
        kernel: NDArray[np.floating],
        recurrent_kernel: NDArray[np.floating],
        bias: NDArray[np.floating],
        *,
        modulation: Sequence[NDArray[np.floating]] = (),
    ) -> Self:
        r"""Run a layer from a state of zeros, by the equations of `nextword.model.ops.lstm.lstm`.

        $$i, f, o = \sigma(x_t W + h_{t-1} U + b), \quad g = \tanh(x_t W + h_{t-1} U + b)$$
        $$c_t = f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh(c_t)$$

        Args:
            inputs: The inputs $x$ `(T, I)`.
            kernel: $W$, `(I, 4H)`, the gates side by side in the order $i, f, g, o$.
            recurrent_kernel: $U$, `(H, 4H)`.
            bias: $b$, `(4H,)`.
            modulation: $R$ `(I, H)` and $r$ `(H,)`, with which $U$ reads $2\sigma(x_t R + r) \odot h_{t-1}$.
        """
        hidden_size = len(recurrent_kernel)
        weights, projected = recurrent_kernel.astype(np.float64), inputs @ kernel.astype(np.float64) + bias
        factors = np.ones((len(inputs), hidden_size))
        if modulation:
            factors = 2 * _sigmoid(inputs @ modulation[0].astype(np.float64) + modulation[1])
        h, c = np.zeros(hidden_size), np.zeros(hidden_size)
        rows: list[tuple[Doubles, ...]] = []
        for x, factor in zip(projected, factors, strict=True):
            m = factor * h
            i, f, g, o = np.split(x + m @ weights, 4)
            i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
            c = f * c + i * g
            h = o * np.tanh(c)
            rows.append((i, f, g, o, c, h, *([m] if modulation else [])))
        return cls(*(np.stack(each) for each in zip(*rows, strict=True)))

    @classmethod
    def of_model(cls, bundle: Bundle, ids: list[int], layer: int) -> Self:
        """Run the layers of a model up to one over token ids, from the state at the beginning of a text."""
        architecture = bundle.architecture
        parts = ["kernel", "recurrent_kernel", "bias"]
        if architecture.state_modulation:
            parts += ["modulation_kernel", "modulation_bias"]
        weights = bundle.floats([f"lstm_{index}/{part}" for index in range(layer) for part in parts])
        inputs = bundle.embeddings()[ids].astype(np.float64)
        steps: Self | None = None
        for index in range(layer):
            kernel, recurrent_kernel, bias, *modulation = (weights[f"lstm_{index}/{part}"] for part in parts)
            steps = cls.run(inputs, kernel, recurrent_kernel, bias, modulation=modulation)
            inputs = steps.h
        assert steps is not None  # noqa: S101 - there is at least one layer
        return steps

    def before(self, name: str) -> Doubles:
        """Return the array `c` or `h` one step earlier, with zeros at first."""
        array: Doubles = getattr(self, name)
        return np.concatenate((np.zeros((1, array.shape[1])), array[:-1]))

    def liveliest(self, count: int) -> list[int]:
        """Return the units whose cells change most from step to step over the text, in their order."""
        changes = np.abs(self.c - self.before("c")).sum(axis=0)
        return sorted(np.argsort(-changes, kind="stable")[:count].tolist())


def _sigmoid(a: Doubles) -> Doubles:
    # By tanh, which does not overflow.
    return 0.5 * (1 + np.tanh(0.5 * a))


@dataclass(frozen=True, eq=False)
class CellNumbers:
    """Gates and state of some units at one step; arrays are `(N,)` for `N` units."""

    units: list[int]
    now: dict[str, Doubles]  # arrays by the symbols `i`, `f`, `g`, `o`, `c`, `h` and `m`
    c_before: Doubles  # the cell one step earlier
    h_before: Doubles  # the hidden state one step earlier
    marked: int  # index of the unit that stands out

    @classmethod
    def of(cls, steps: LSTMSteps, step: int, units: list[int], marked: int | None = None) -> Self:
        """Return the numbers of some units at a step; by default, that whose cell changes most is marked."""
        now = {name: getattr(steps, name)[step, units] for name in ("ifgoch" if steps.m is None else "ifgochm")}
        c_before, h_before = (steps.before(name)[step, units] for name in "ch")
        index = int(np.argmax(np.abs(now["c"] - c_before))) if marked is None else units.index(marked)
        return cls(units, now, c_before, h_before, index)

    @property
    def reach(self) -> float:
        """The value of a bar at full height in a cell: a multiple of 1/2, at least 1."""
        highest = float(max(np.abs(self.now["c"]).max(), np.abs(self.c_before).max()))
        return max(1.0, math.ceil(2 * highest) / 2)

    def of_marked(self, symbol: str) -> str:
        """Return the value of the marked unit with two decimals."""
        values = self.c_before if symbol == "c_before" else self.now[symbol]
        return signed(float(values[self.marked]))

    @property
    def told(self) -> str:
        """The marked unit in words."""
        f, i, g, c, before = (self.of_marked(name) for name in ("f", "i", "g", "c", "c_before"))
        return (
            f"Unit {self.units[self.marked]}: forget gate {f}, input gate {i}, candidate {g}; its cell goes from "
            f"{before} to {c}."
        )


def signed(value: float) -> str:
    """Return a number with two decimals and a true minus sign."""
    shown = f"{abs(value):.2f}"
    return f"−{shown}" if value < 0 and shown != "0.00" else shown
