"""The formulas of `auto`, and the page that shows them."""

from pathlib import Path

import pytest

from nextword.training.planning.auto_settings import (
    WIDTHS,
    averaging_of,
    candidates_of,
    dropout_rates,
    million_words_for,
    size_of,
    weight_decay_of,
    width_for,
)

PAGE = Path(__file__).parents[4] / "docs" / "time.md"


@pytest.mark.parametrize(
    ("million_words", "width"),
    [(0.01, 320), (1.0, 320), (1.8, 416), (4.5, 544), (10, 672), (20, 832), (40, 1024), (1e4, 1024)],
)
def test_the_width_grows_with_the_words(million_words: float, width: int) -> None:
    assert width_for(lambda _width: 1e6 * million_words) == width


def test_a_width_that_sees_too_few_words_is_not_taken() -> None:
    seen = {width: 20e6 * 320 / width for width in WIDTHS}
    chosen = width_for(seen.__getitem__)
    assert seen[chosen] >= 1e6 * million_words_for(chosen)
    assert seen[chosen + 32] < 1e6 * million_words_for(chosen + 32)


def test_wider_networks_learn_at_lower_rates_and_have_half_the_width_behind() -> None:
    rates = [size_of(width)["training"]["learning_rate"] for width in WIDTHS]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 0.009
    assert size_of(640)["model"] == {"embedding_size": 320, "hidden_sizes": [640, 320]}


def test_dropout_grows_with_the_epochs_from_none_to_a_limit() -> None:
    assert set(dropout_rates(0.001).values()) == set(dropout_rates(1).values()) == {0}
    assert dropout_rates(5)["weight_drop_rate"] == 0 < dropout_rates(6)["weight_drop_rate"]
    for name, rate in dropout_rates(40).items():
        grown = [dropout_rates(epochs)[name] for epochs in (1, 2, 5, 10, 15, 20, 40)]
        assert grown == sorted(grown)
        assert rate == dropout_rates(1e6)[name] < 1


def test_weight_decay_averaging_and_candidates_have_limits() -> None:
    assert (weight_decay_of(2_800_000), weight_decay_of(10)) == (1e-6, 1.5e-4)
    assert [averaging_of(400_000, epochs) for epochs in (4.9, 5.0)] == ["none", "two_tailed"]
    assert averaging_of(400_001, 50.0) == "none"
    assert (candidates_of(7_999), candidates_of(10_000), candidates_of(100_000)) == (None, 2_000, 8_192)


def test_the_page_on_time_shows_what_the_formulas_give() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if "|" in line}
    for million_words in (1, 3, 10, 20, 40):
        width = width_for(lambda _width, words=million_words: 1e6 * words)  # type: ignore[misc]
        size = size_of(width)
        shown = (f"{million_words} million", f"{width}, {width // 2}", f"{size['model']['embedding_size']}")
        assert (*shown, f"{size['training']['learning_rate']:g}") in rows
    for epochs in (1, 2, 5, 10, 20, 40):
        rates = dropout_rates(epochs)
        names = ("embedding_dropout_rate", "input_dropout_rate", "hidden_dropout_rate", "weight_drop_rate")
        shown_rates = (f"{rates[name]:g}" for name in (*names, "output_dropout_rate"))
        assert (str(epochs), *shown_rates) in rows
