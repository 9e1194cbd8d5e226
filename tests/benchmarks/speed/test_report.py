import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.speed.peer import Description, Peer
from harness.speed.provenance import Provenance
from harness.speed.report import Quartiles, Report, peaks_of
from harness.speed.rotation import Measurement, Rotation
from harness.speed.workload import Workload

MakePeer = Callable[..., Peer]

PROVENANCE = Provenance("a processor, 2 threads", "an OS", "abc", "2026-01-01T00:00:00+00:00", 0.0)
DESCRIPTION = Description(7, 2, "bfloat16", "cpu", {"python": "3"})


def measured(peer: Peer, *seconds: float, dtype: str = "bfloat16") -> Measurement:
    return Measurement(peer, replace(DESCRIPTION, dtype=dtype), {"step": list(seconds)}, 10**6)


@pytest.fixture
def measurements(fake: MakePeer, tiny: Workload) -> dict[str, Measurement]:
    """Ours in 2 seconds a step, at the tutorial's in 1; the others slower by as much as their names are listed for."""
    other = replace(tiny, batching=tiny.batching.replace(batch_size=7))
    products = {
        "bfloat16 10x20x30": [1e-6, 2e-6, 9e-6],
        "bfloat16 100x1x1": [1e-3],
        "float32 10x20x30": [4e-6],
    }
    return {
        "nextword": measured(fake("nextword"), 1, 2, 3, 2, 2),
        "keras-jax": measured(fake("keras-jax", compared_with="nextword"), 5, 5, 5, dtype="float32"),
        "pytorch-bfloat16": measured(fake("pytorch-bfloat16", compared_with="nextword"), 2.5, 3.5),
        "pytorch-bfloat16-kept-memory": measured(fake("kept", compared_with="nextword"), 2.2),
        "nextword-tutorial": measured(fake("nextword-tutorial", workload=other), 1),
        "tutorial": measured(fake("tutorial", workload=other, compared_with="nextword-tutorial"), 7),
        "product-peak": Measurement(fake("product-peak"), DESCRIPTION, products, 10**6),
    }


def test_words_a_second_are_those_of_the_median_step(measurements: dict[str, Measurement]) -> None:
    table = Report.of(Rotation(measurements), PROVENANCE).to_table()
    assert table["words_per_second"]["nextword"] == 6 / 2
    assert table["words_per_second"]["nextword-tutorial"] == 21
    assert "product-peak" not in table["words_per_second"]


def test_ratios_are_ours_over_theirs(measurements: dict[str, Measurement]) -> None:
    table = Report.of(Rotation(measurements, {"pytorch-float32": "no interpreter"}), PROVENANCE).to_table()
    assert table["ratios"] == pytest.approx(
        {"pytorch-bfloat16": 1.5, "pytorch-float32": None, "keras-jax": 2.5, "tutorial": 7}
    )
    assert table["other_ratios"] == pytest.approx({"pytorch-bfloat16-kept-memory": 1.1})
    assert table["missing"] == {"pytorch-float32": "no interpreter"}


def test_without_ours_there_are_no_ratios(measurements: dict[str, Measurement]) -> None:
    del measurements["nextword"]
    table = Report.of(Rotation(measurements), PROVENANCE).to_table()
    assert table["ratios"] == {
        "pytorch-bfloat16": None,
        "pytorch-float32": None,
        "keras-jax": None,
        "tutorial": pytest.approx(7),
    }
    assert table["peak_share"] is None


def test_the_peak_is_the_fastest_shape_at_its_median() -> None:
    seconds = {"float32 10x20x30": [1.0, 3.0, 2.0], "float32 2x2x2": [1e-9, 1.0, 1.0], "bfloat16 1x2x3": [0.5]}
    peaks = peaks_of(seconds)
    assert peaks["float32"] == (2 * 6000 / 2, "10x20x30")
    assert peaks["bfloat16"] == (24, "1x2x3")


def test_the_share_of_the_peak_is_that_of_our_precision(measurements: dict[str, Measurement], tiny: Workload) -> None:
    report = Report.of(Rotation(measurements), PROVENANCE)
    useful = tiny.flops_per_word * 6 / 2
    assert report.peak_share == pytest.approx(useful / (12_000 / 2e-6))
    measurements["nextword"] = measured(measurements["nextword"].peer, 2, dtype="float32")
    assert Report.of(Rotation(measurements), PROVENANCE).peak_share == pytest.approx(useful / (12_000 / 4e-6))
    del measurements["product-peak"]
    assert Report.of(Rotation(measurements), PROVENANCE).peak_share is None


def test_quartiles_of_a_rate_are_in_order(measurements: dict[str, Measurement]) -> None:
    assert Quartiles.of([1, 2, 3, 4, 5]) == (2, 3, 4)
    row = Report.of(Rotation(measurements), PROVENANCE).rows["pytorch-bfloat16"]
    assert row.seconds == (2.75, 3.0, 3.25)
    assert row.words_per_second == pytest.approx((6 / 3.25, 2, 6 / 2.75))


def test_the_table_is_json_and_names_everything(measurements: dict[str, Measurement]) -> None:
    table = json.loads(json.dumps(Report.of(Rotation(measurements), PROVENANCE).to_table(), allow_nan=False))
    assert table.keys() >= {"words_per_second", "ratios", "peak_share", "processor", "versions", "commit", "date"}
    assert table["samples"]["nextword"] == {"step": [1, 2, 3, 2, 2]}
    assert table["versions"]["product-peak"] == {"python": "3"}
    (row,) = [row for row in table["rows"] if row["peer"] == "nextword"]
    assert row["parameters"] == 7
    assert row["threads"] == 2
    assert row["peak_memory_bytes"] == 10**6
    assert row["workload"]["model"]["hidden_sizes"] == [8, 8]
