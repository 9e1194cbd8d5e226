"""The default search space of a sweep, around the settings of a preset."""

from typing import Any

from nextword.training.config import RunConfig
from nextword.training.tuning.search_space import base_values

_RATE_FACTOR = 4.0
_WIDTH_FACTORS = (0.75, 1.0, 1.5)
_WIDTH_MULTIPLE = 8
_MIN_DROPOUT, _MAX_DROPOUT_FACTOR, _MAX_DROPOUT = 0.25, 4.0, 0.8
_MAX_LEARNING_RATE, _MAX_BATCH_SIZE = 1000.0, 65_536


def default_space(base: RunConfig) -> dict[str, Any]:
    """Return the tables of the default search space around `base`.

    - Learning rate: a quarter to four times its value.
    - Dropout: all nonzero rates times one factor from 0.25 to 4, up to a rate of 0.8.
    - Batch size: half, the same or double.
    - Width of embedding and layers: 0.75, 1 or 1.5 times.

    Example:
        >>> default_space(RunConfig.of("quick"))["batching"]
        {'batch_size': {'choices': [16, 32, 64]}}
    """
    values = base_values(base)
    tables = {
        "training": _learning_rate(values),
        "scale": _dropout(values),
        "batching": _batch_size(values),
        "together": _width(values),
    }
    return {name: table for name, table in tables.items() if table}


def _learning_rate(values: dict[str, Any]) -> dict[str, Any]:
    rate = values["training.learning_rate"]
    high = min(rate * _RATE_FACTOR, _MAX_LEARNING_RATE)
    return {"learning_rate": {"low": rate / _RATE_FACTOR, "high": high, "log": True}} if rate else {}


def _dropout(values: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in values if name.endswith(("_dropout_rate", ".weight_drop_rate")) and values[name]]
    if not names:
        return {}
    high = min(_MAX_DROPOUT_FACTOR, round(_MAX_DROPOUT / max(values[name] for name in names), 3))
    return {"dropout": {"low": _MIN_DROPOUT, "high": high, "settings": names}} if high > _MIN_DROPOUT else {}


def _batch_size(values: dict[str, Any]) -> dict[str, Any]:
    size = values["batching.batch_size"]
    choices = sorted({max(1, size // 2), size, min(2 * size, _MAX_BATCH_SIZE)})
    return {"batch_size": {"choices": choices}} if len(choices) > 1 else {}


def _width(values: dict[str, Any]) -> dict[str, Any]:
    choices = [
        {
            "model": {
                "embedding_size": _scaled(values["model.embedding_size"], factor),
                "hidden_sizes": [_scaled(size, factor) for size in values["model.hidden_sizes"]],
            }
        }
        for factor in _WIDTH_FACTORS
    ]
    different = [choice for index, choice in enumerate(choices) if choice not in choices[:index]]
    return {"width": {"choices": different}} if len(different) > 1 else {}


def _scaled(size: int, factor: float) -> int:
    """Return a multiple of 8 near `size * factor`, because it runs faster; `size` itself if the factor is 1."""
    return size if factor == 1 else max(_WIDTH_MULTIPLE, round(size * factor / _WIDTH_MULTIPLE) * _WIDTH_MULTIPLE)
