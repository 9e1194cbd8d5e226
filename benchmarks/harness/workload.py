"""What a peer of the training benchmark trains, and its arithmetic."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from nextword.model.architecture import Architecture, useful_flops_per_word
from nextword.model.presets import read_preset
from nextword.system.framework import ComputeDtype
from nextword.text.options import BatchOptions

Tables = dict[str, dict[str, Any]]

# The model on which frameworks are compared: 2 x 512 units, embedding shared with the output.
_STANDARD: Tables = {
    "model": {"embedding_size": 512, "hidden_sizes": [512, 512], "tied": True},
    "batching": {"batch_size": 64, "num_steps": 35},
}
_VOCABULARY_SIZE = 10_000

# What a plain LSTM of any framework has, and initialization, which costs nothing.
_PLAIN = (
    *("vocabulary_size", "embedding_size", "hidden_sizes", "tied"),
    *("input_dropout_rate", "hidden_dropout_rate", "output_dropout_rate"),
    *("forget_bias", "initializer", "initializer_scale"),
)

AXES: dict[str, tuple[float, ...]] = {
    "batch_size": (1 / 8, 1 / 4, 1 / 2, 1, 2),
    "num_steps": (1 / 4, 1 / 2, 1, 2, 4),
    "hidden_size": (1 / 4, 1 / 2, 1, 2),
    "vocabulary_size": (1 / 10, 3 / 10, 1, 3),
    "num_layers": (1 / 2, 1, 3 / 2, 2),
}
"""Axes along which the cost of a word may grow, with factors of the base."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A model and the windows that it is trained on.

    Example:
        >>> Workload.of().words_per_step
        2240
    """

    architecture: Architecture
    batching: BatchOptions
    compute_dtype: ComputeDtype = "auto"

    @classmethod
    def of(
        cls, preset: str | None = None, overrides: Tables | None = None, compute_dtype: ComputeDtype = "auto"
    ) -> "Workload":
        """Return the workload of a preset, or the one for comparing frameworks, with some settings overridden.

        Its windows have one length: each other length would be compiled while it is timed.
        """
        tables, overrides = _STANDARD if preset is None else read_preset(preset), overrides or {}
        model = {"vocabulary_size": _VOCABULARY_SIZE, **tables["model"], **overrides.get("model", {})}
        batching = {**tables["batching"], **overrides.get("batching", {})}
        return cls(
            architecture=Architecture.from_table(model),
            batching=BatchOptions.from_table(batching).replace(variable_num_steps=False),
            compute_dtype=compute_dtype,
        )

    @property
    def words_per_step(self) -> int:
        """Number of words that a training step learns from, `B * T`."""
        return self.batching.batch_size * self.batching.num_steps

    @property
    def flops_per_word(self) -> int:
        """Useful floating-point operations that training on a word takes."""
        return useful_flops_per_word(self.architecture)

    @property
    def beyond_plain(self) -> list[str]:
        """Names of the model's settings that a plain LSTM of another framework does not have."""
        fields = [field for field in dataclasses.fields(Architecture) if field.name not in _PLAIN]
        return [field.name for field in fields if getattr(self.architecture, field.name) != field.default]

    def points(self) -> Iterator[tuple[str, float, int, "Workload"]]:
        """Yield axis, factor, value and workload of each point of `AXES`; this workload is on every axis."""
        for axis, factors in AXES.items():
            for factor in factors:
                yield axis, factor, *self._scaled(axis, factor)

    def to_table(self) -> dict[str, Any]:
        """Return the workload as a table for JSON, as the peers read it."""
        return {
            "model": self.architecture.to_table(),
            "batching": self.batching.to_table(),
            "compute_dtype": self.compute_dtype,
        }

    def _scaled(self, axis: str, factor: float) -> tuple[int, "Workload"]:
        """Return the value of an axis at a factor, and the workload."""
        model, sizes = self.architecture, self.architecture.hidden_sizes
        if axis in ("batch_size", "num_steps"):
            value = _times(getattr(self.batching, axis), factor)
            return value, replace(self, batching=self.batching.replace(**{axis: value}))
        if axis == "hidden_size":
            widths = tuple(_times(size, factor) for size in sizes)
            changes: dict[str, Any] = {"embedding_size": _times(model.embedding_size, factor), "hidden_sizes": widths}
            return widths[-1], replace(self, architecture=model.replace(**changes))
        if axis == "vocabulary_size":
            value = max(2, _times(model.vocabulary_size, factor))
            return value, replace(self, architecture=model.replace(vocabulary_size=value))
        value = _times(len(sizes), factor)
        layers = (sizes[0],) * (value - 1) + (sizes[-1],)
        return value, replace(self, architecture=model.replace(hidden_sizes=layers))


def _times(value: int, factor: float) -> int:
    return max(1, round(value * factor))
