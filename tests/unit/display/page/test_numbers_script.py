"""`site/js/numbers.js` in a browser."""

from typing import Any


def test_percentages_are_those_of_the_command_line(scripts: Any) -> None:
    shares = [0, 0.00001, 0.0021, 0.0125, 0.76, 0.99999, 1]
    found = scripts.run("(shares, models, js) => shares.map(js.numbers.percent)", shares)
    assert found == ["0%", "< 0.01%", "0.21%", "1.3%", "76%", "> 99.9%", "100%"]
