from dataclasses import replace
from typing import Any

from harness.speed.scaling_points import points_around
from harness.speed.workload import Workload


def values_of(base: Workload) -> dict[str, list[int]]:
    values: dict[str, list[int]] = {}
    for point in points_around(base):
        values.setdefault(point.axis, []).append(point.value)
    return values


def test_the_axes_go_through_the_base() -> None:
    assert values_of(Workload.of()) == {
        "batch_size": [8, 16, 32, 64, 128],
        "num_steps": [9, 18, 35, 70, 140],
        "hidden_size": [128, 256, 512, 1024],
        "vocabulary_size": [1000, 3000, 10_000, 30_000],
        "num_layers": [1, 2, 3, 4],
    }
    assert sum(point.workload == Workload.of() for point in points_around(Workload.of())) == 5


def test_a_point_differs_from_the_base_along_its_axis_alone() -> None:
    base = Workload.of("quick")
    for point in points_around(base):
        architecture, batching = point.workload.architecture, point.workload.batching
        if point.axis in ("batch_size", "num_steps"):
            assert architecture == base.architecture
            assert getattr(batching, point.axis) == point.value
            assert batching.replace(**{point.axis: getattr(base.batching, point.axis)}) == base.batching
        else:
            assert batching == base.batching
            changed: dict[str, Any] = {"hidden_sizes": base.architecture.hidden_sizes}
            if point.axis == "hidden_size":
                assert architecture.hidden_sizes[-1] == architecture.embedding_size == point.value
                changed["embedding_size"] = base.architecture.embedding_size
            elif point.axis == "num_layers":
                assert (architecture.num_layers, architecture.hidden_sizes[-1]) == (point.value, 160)
            else:
                assert architecture.vocabulary_size == point.value
                changed["vocabulary_size"] = base.architecture.vocabulary_size
            assert replace(architecture, **changed) == base.architecture


def test_nothing_shrinks_away(tiny: Workload) -> None:
    smallest = replace(tiny, batching=tiny.batching.replace(batch_size=1, num_steps=1))
    assert values_of(smallest)["batch_size"][0] == values_of(smallest)["num_steps"][0] == 1
