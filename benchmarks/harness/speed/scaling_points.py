"""The workloads along the axes on which the cost of a word grows."""

from dataclasses import dataclass, replace

from harness.speed.workload import Workload

# Factors of the base.
_BATCHING = {"batch_size": (1 / 8, 1 / 4, 1 / 2, 1, 2), "num_steps": (1 / 4, 1 / 2, 1, 2, 4)}
_HIDDEN_SIZE = (1 / 4, 1 / 2, 1, 2)
_VOCABULARY_SIZE = (1 / 10, 3 / 10, 1, 3)

_NUM_LAYERS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Point:
    """A workload that differs from the base along one axis.

    Attributes:
        axis: What differs: `batch_size`, `num_steps`, `hidden_size`, `vocabulary_size` or `num_layers`.
        value: Its value; of the width, that of the last layer.
        workload: The workload.
    """

    axis: str
    value: int
    workload: Workload


def points_around(base: Workload) -> list[Point]:
    """Return the points to measure, axis by axis; the base is on every axis that has its value."""
    return [*_of_batching(base), *_of_hidden_size(base), *_of_vocabulary_size(base), *_of_num_layers(base)]


def _of_batching(base: Workload) -> list[Point]:
    points = []
    for axis, factors in _BATCHING.items():
        for factor in factors:
            value = _scaled(getattr(base.batching, axis), factor)
            points.append(Point(axis, value, replace(base, batching=base.batching.replace(**{axis: value}))))
    return points


def _of_hidden_size(base: Workload) -> list[Point]:
    architecture = base.architecture
    points = []
    for factor in _HIDDEN_SIZE:
        sizes = tuple(_scaled(size, factor) for size in architecture.hidden_sizes)
        embedding_size = _scaled(architecture.embedding_size, factor)
        scaled = architecture.replace(embedding_size=embedding_size, hidden_sizes=sizes)
        points.append(Point("hidden_size", sizes[-1], replace(base, architecture=scaled)))
    return points


def _of_vocabulary_size(base: Workload) -> list[Point]:
    values = [max(2, _scaled(base.architecture.vocabulary_size, factor)) for factor in _VOCABULARY_SIZE]
    return [
        Point("vocabulary_size", value, replace(base, architecture=base.architecture.replace(vocabulary_size=value)))
        for value in values
    ]


def _of_num_layers(base: Workload) -> list[Point]:
    first, last = base.architecture.hidden_sizes[0], base.architecture.hidden_sizes[-1]
    return [
        Point(
            "num_layers",
            number,
            replace(base, architecture=base.architecture.replace(hidden_sizes=(first,) * (number - 1) + (last,))),
        )
        for number in _NUM_LAYERS
    ]


def _scaled(value: int, factor: float) -> int:
    return max(1, round(value * factor))
