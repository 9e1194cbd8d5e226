from typing import Any

import pytest

from nextword.errors import SettingError
from nextword.inference.generation.request import Request, SearchOptions, length_normalizer
from nextword.inference.generation.sampling import SamplingOptions


def test_greedy_decoding_has_temperature_zero() -> None:
    greedy = SearchOptions(decoding="greedy")
    assert Request(search=greedy, sampling=SamplingOptions(seed=4)).draws == SamplingOptions(temperature=0.0, seed=4)
    penalized = SamplingOptions(temperature=0.0, repetition_penalty=1.2, allow_unknown=True)
    assert Request(search=greedy, sampling=penalized).draws == penalized


def test_required_words_use_a_beam() -> None:
    assert Request(require=("a",)).uses_beam
    assert not Request().uses_beam
    assert Request(search=SearchOptions(best_of=2)).is_compared
    assert not Request(search=SearchOptions(decoding="greedy")).is_compared


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_tokens": 0}, "`max_tokens` must be at least 1, but is 0"),
        ({"stop": "the end"}, "`stop` must be a tuple of strings, but is one string"),
        ({"forbid": "cat"}, "`forbid` must be a tuple of strings, but is one string"),
        ({"stop": ("a", "")}, "`stop` must not be empty"),
        ({"forbid": (" ",)}, "`forbid` must not be empty"),
        ({"require": ("a",), "search": SearchOptions(decoding="sample")}, "required words need a beam"),
        ({"require": ("a",), "search": SearchOptions(best_of=2)}, "required words need a beam"),
        ({"require": ("a",), "sampling": SamplingOptions(top_k=3)}, "beam search does not sample, but `top_k` is 3"),
        (
            {"search": SearchOptions(beam_size=2), "sampling": SamplingOptions(temperature=0.5)},
            r"beam search does not sample, but `temperature` is 0\.5",
        ),
        (
            {"search": SearchOptions(decoding="greedy"), "sampling": SamplingOptions(temperature=3.0)},
            r"greedy decoding does not sample, but `temperature` is 3\.0",
        ),
        (
            {"search": SearchOptions(decoding="greedy"), "sampling": SamplingOptions(top_k=5)},
            "greedy decoding does not sample, but `top_k` is 5",
        ),
        ({"forbid": ("a", "\udcff")}, "`forbid` must be valid Unicode"),
        ({"require": ("\udcff",)}, "`require` must be valid Unicode"),
        ({"stop": ("\ud800",)}, "`stop` must be valid Unicode"),
    ],
)
def test_contradicting_requests_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Request(**values)


def test_a_beam_allows_a_seed_and_unknown_words() -> None:
    sampling = SamplingOptions(seed=1, allow_unknown=True)
    assert Request(sampling=sampling, search=SearchOptions(beam_size=2)).uses_beam


def test_a_beam_is_used_if_requested() -> None:
    assert not SearchOptions().uses_beam
    assert not SearchOptions(decoding="greedy").uses_beam
    assert SearchOptions(decoding="beam").uses_beam
    assert SearchOptions(beam_size=1).uses_beam
    assert SearchOptions(beam_groups=2).uses_beam


def test_a_beam_is_large_enough_for_required_words() -> None:
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
        ({"beam_size": 5, "best_of": 2}, "`best_of` needs sampled texts, but is 2 with a search"),
        ({"decoding": "greedy", "best_of": 2}, "`best_of` needs sampled texts, but is 2 with a search"),
        ({"decoding": "sample", "beam_size": 2}, "a beam needs `decoding` to be beam, but `decoding` is sample"),
        ({"decoding": "greedy", "beam_groups": 2}, "a beam needs `decoding` to be beam, but `decoding` is greedy"),
        ({"beam_size": 0}, "`beam_size` must be at least 1, but is 0"),
        ({"diversity": -1.0}, "`diversity` must be at least 0"),
    ],
)
def test_contradicting_search_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        SearchOptions.from_table(options)


def test_the_normalizer_matches_the_paper() -> None:
    assert length_normalizer(1, 2.0) == 1
    assert length_normalizer(13, 0.0) == 1
    assert length_normalizer(13, 2.0) == pytest.approx(9)
