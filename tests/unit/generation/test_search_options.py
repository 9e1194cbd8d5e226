import pytest

from nextword.errors import SettingError
from nextword.generation.search_options import SearchOptions, length_normalizer


def test_a_beam_is_used_where_it_is_asked_for() -> None:
    assert not SearchOptions().uses_beam
    assert not SearchOptions(method="greedy").uses_beam
    assert SearchOptions(method="beam").uses_beam
    assert SearchOptions(beam_size=1).uses_beam
    assert SearchOptions(beam_groups=2).uses_beam


def test_a_beam_is_as_wide_as_required_words_need() -> None:
    assert SearchOptions().group_size() == 4
    assert SearchOptions(beam_groups=2).group_size() == 2
    assert SearchOptions(beam_groups=9).group_size() == 1
    assert SearchOptions(beam_size=6, beam_groups=3).group_size() == 2
    assert SearchOptions().group_size(2) == 4
    assert SearchOptions().group_size(9) == 10
    assert SearchOptions(beam_size=12, beam_groups=3).group_size(3) == 4
    with pytest.raises(SettingError, match="`beam_size` must be at least 15 for required words of 4 tokens"):
        SearchOptions(beam_size=12, beam_groups=3).group_size(4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_size": 5, "beam_groups": 2}, "`beam_size` must be a multiple of `beam_groups`, 2, but is 5"),
        ({"beam_size": 5, "best_of": 2}, "`best_of` goes with drawn texts, but is 2 beside a search"),
        ({"method": "greedy", "best_of": 2}, "`best_of` goes with drawn texts, but is 2 beside a search"),
        ({"method": "sample", "beam_size": 2}, 'a beam goes with `method = "beam"`, but `method` is "sample"'),
        ({"method": "greedy", "beam_groups": 2}, 'a beam goes with `method = "beam"`, but `method` is "greedy"'),
        ({"beam_size": 0}, "`beam_size` must be at least 1, but is 0"),
        ({"diversity": -1.0}, "`diversity` must be at least 0"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        SearchOptions.from_table(options)


def test_the_normalizer_is_that_of_the_paper() -> None:
    assert length_normalizer(1, 2.0) == 1
    assert length_normalizer(13, 0.0) == 1
    assert length_normalizer(13, 2.0) == pytest.approx(9)
