"""The workload of a benchmark, and its arithmetic."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from nextword.machine.framework import ComputeDtype
from nextword.model.architecture import Architecture, useful_flops_per_word
from nextword.model.presets import read_preset
from nextword.text.batching.options import BatchOptions

VOCABULARY_SIZE = 10_000

Tables = dict[str, dict[str, Any]]

# The model on which frameworks are compared: 2 x 512 units, embedding shared with the output.
_STANDARD: Tables = {
    "model": {"embedding_size": 512, "hidden_sizes": [512, 512], "tied": True},
    "batching": {"batch_size": 64, "num_steps": 35},
}


# What a plain LSTM of any framework has, and initialization, which costs nothing.
_PLAIN = (
    *("vocabulary_size", "embedding_size", "hidden_sizes", "tied"),
    *("input_dropout_rate", "hidden_dropout_rate", "output_dropout_rate"),
    *("forget_bias", "initializer", "initializer_scale"),
)


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A model and the windows that it is trained on.

    Attributes:
        architecture: The model.
        batching: The windows.
        compute_dtype: Precision of the matrix products, for peers that have a choice.

    Example:
        >>> Workload.of().words_per_step
        2240
    """

    architecture: Architecture
    batching: BatchOptions
    compute_dtype: ComputeDtype = "auto"

    @classmethod
    def of(
        cls, preset: str | None = None, given: Tables | None = None, *, compute_dtype: ComputeDtype = "auto"
    ) -> "Workload":
        """Return the workload of a preset, or the one for comparing frameworks, overridden by `given`.

        Its windows have one length: each other length would be compiled while it is timed.

        Raises:
            SettingError: The preset or a setting is not known, or a value is refused.
        """
        tables = _STANDARD if preset is None else read_preset(preset)
        given = given or {}
        model = {"vocabulary_size": VOCABULARY_SIZE, **tables["model"], **given.get("model", {})}
        batching = {**tables["batching"], **given.get("batching", {})}
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

    def in_precision(self, compute_dtype: ComputeDtype) -> "Workload":
        """Return the same workload in another precision."""
        return dataclasses.replace(self, compute_dtype=compute_dtype)

    def to_table(self) -> dict[str, Any]:
        """Return the workload as a table for JSON, as the peers read it."""
        return {
            "model": self.architecture.to_table(),
            "batching": self.batching.to_table(),
            "compute_dtype": self.compute_dtype,
        }
