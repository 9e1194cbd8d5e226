import json
from collections.abc import Callable

import pytest

from harness.speed.peer import Peer, PeerError
from harness.speed.scaling import ScalingReport, measure_scaling
from harness.speed.scaling_points import Point
from harness.speed.workload import Workload

MakePeer = Callable[..., Peer]
Journal = Callable[[], list[str]]

PRODUCT = "float32 100x100x100"


@pytest.fixture
def points(tiny: Workload) -> list[Point]:
    large = Workload.of(None, {**tiny.to_table(), "batching": {"batch_size": 4, "num_steps": 3}})
    long = Workload.of(None, {**tiny.to_table(), "batching": {"batch_size": 2, "num_steps": 9}})
    return [
        Point("batch_size", 2, tiny),
        Point("batch_size", 4, large),
        Point("num_steps", 3, tiny),
        Point("num_steps", 9, long),
    ]


def measure(points: list[Point], peer_of: Callable[[Workload], Peer], product_peak: Peer) -> ScalingReport:
    return measure_scaling(
        points, peer_of=peer_of, product_peak=product_peak, steps=2, timeout=60, say=lambda _text: None
    )


def test_products_are_measured_before_between_and_after_the_points(
    points: list[Point], fake: MakePeer, journal: Journal
) -> None:
    report = measure(
        points, lambda workload: fake("ours", workload=workload), fake("product-peak", what=PRODUCT, seconds="1")
    )
    products, ours = "product-peak runs 3", ["ours starts", "ours runs 2"]
    # The base lies on both axes, and is measured once.
    assert journal() == ["product-peak starts", products, *ours, products, *ours, products, *ours, products]
    assert len(report.to_table()["points"]) == 4
    assert report.missing == {}


def test_the_share_is_that_of_the_products_beside_the_point(points: list[Point], fake: MakePeer) -> None:
    product_peak = fake("product-peak", what=PRODUCT, seconds="1,3,5,7")
    report = measure(points, lambda workload: fake("ours", workload=workload, seconds="2"), product_peak)
    shares = [table["peak_share"] for table in report.to_table()["points"]]
    flops_per_word = points[0].workload.flops_per_word
    rates = [flops_per_word * words / 2 for words in (6, 12, 6, 18)]
    peaks = [2e6 / seconds for seconds in (2, 4, 2, 6)]
    assert shares == pytest.approx([rate / peak for rate, peak in zip(rates, peaks, strict=True)])
    assert report.peaks["float32"].flops_per_second == pytest.approx(2e6 / 4)


def test_points_and_products_that_fail_are_missing(points: list[Point], fake: MakePeer, tiny: Workload) -> None:
    def peer_of(workload: Workload) -> Peer:
        return fake("ours", workload=workload, fault="crash at start" if workload == tiny else "")

    report = measure(points, peer_of, fake("product-peak", what=PRODUCT, fault="crash"))
    assert report.missing == {
        "batch_size 2": "ended with exit code 1: RuntimeError: out of ideas",
        "product-peak": "ended with exit code 1: RuntimeError: out of ideas",
    }
    table = json.loads(json.dumps(report.to_table(), allow_nan=False))
    assert [(point["axis"], point["value"], point["peak_share"]) for point in table["points"]] == [
        ("batch_size", 4, None),
        ("num_steps", 9, None),
    ]


def test_without_products_there_are_words_a_second_all_the_same(points: list[Point], fake: MakePeer) -> None:
    def find() -> tuple[str]:
        raise PeerError("nowhere")

    report = measure(
        points, lambda workload: fake("ours", workload=workload, seconds="2"), fake("product-peak", interpreter=find)
    )
    assert [point["words_per_second"] for point in report.to_table()["points"]] == [3, 6, 3, 9]
    assert report.peaks == {}
