import re

import pytest

from nextword.display.pictures.network import draw_network
from nextword.display.pictures.windows import draw_windows
from nextword.errors import SettingError

WORDS = " ".join(f"w{number}" for number in range(1, 26))


def places(svg: str) -> list[int]:
    """Return the numbers below the words, in the order in which they are drawn."""
    return [int(found) for found in re.findall(r'<text class="note"[^>]*>(\d+)</text>', svg)]


def test_rows_are_those_of_training() -> None:
    svg = draw_windows(WORDS, batch_size=2, num_steps=3).to_svg()
    successive, streams = places(svg)[:12], places(svg)[12:]
    assert successive == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert streams == [1, 2, 3, 7, 8, 9, 4, 5, 6, 10, 11, 12]
    assert [int(word) for word in re.findall(r">w(\d+)<", svg)] == places(svg)


def test_state_is_carried_in_streams_alone() -> None:
    svg = draw_windows(WORDS, batch_size=3, num_steps=2).to_svg()
    assert svg.count(">state<") == 3
    assert svg.count(">0<") == 3 * 2 + 3
    assert svg.count('class="cut"') == 3 * 2 * 2


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be from 1 to 6 in a picture of windows, but is 0"),
        ({"num_steps": 7}, "`num_steps` must be from 2 to 6 in a picture of windows, but is 7"),
        ({"batch_size": 6, "num_steps": 6}, "needs 73 to 1,?000 words, but the text has 25; give a longer one"),
    ],
)
def test_windows_that_do_not_fit_are_refused(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        draw_windows(WORDS, **sizes)


def test_a_network_predicts_the_next_word_at_each_step() -> None:
    svg = draw_network("a b c").to_svg()
    assert re.findall(r">([abc])</text>", svg) == ["b", "a", "c", "b"]
    assert svg.count(">RNN<") == 3


@pytest.mark.parametrize("text", ["", "one", WORDS])
def test_too_few_or_too_many_words_are_refused(text: str) -> None:
    with pytest.raises(SettingError, match="the picture of a network needs 2 to 12 words, but the text has"):
        draw_network(text)
