import pytest

from nextword.display.ticks import even_ticks, log_ticks


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (90, 1200, [100, 200, 500, 1000]),
        (105, 490, [150, 200, 300, 400]),
        (1.0, 1.2, [1, 1.05, 1.1, 1.15, 1.2]),
        (405.7, 490, [420, 440, 460, 480]),
        (2, 1e6, [2, 50, 1000, 2e4, 5e5]),
    ],
)
def test_perplexities_on_an_axis_are_round_numbers(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high, 5) == pytest.approx(ticks)


@pytest.mark.parametrize("last", [0.003, 0.1, 0.4, 1.0, 2.3, 40.0, 12_345.0])
@pytest.mark.parametrize("count", [2, 4, 8])
def test_epochs_on_an_axis_begin_at_zero_and_are_few(last: float, count: int) -> None:
    ticks = even_ticks(0, last, count)
    assert ticks[0] == 0
    assert 1 <= len(ticks) <= count
    assert ticks[-1] <= last * (1 + 1e-6)
