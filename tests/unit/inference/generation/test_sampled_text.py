from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.inference.generation.generated_text import EndRule
from nextword.inference.generation.lockstep import lockstep
from nextword.inference.generation.sampled_text import SampledText, draw, drawn_index, random_generator
from nextword.inference.generation.sampling import SamplingOptions, filtered, sample
from nextword.inference.generation.words import ForbiddenWords, Phrase
from support.writers import log_prob_of, toy_engine

NO_WORDS, SEEDED = ForbiddenWords(), SamplingOptions(seed=3)


def drawn(
    engine: Any, rule: EndRule, forbidden: ForbiddenWords = NO_WORDS, options: SamplingOptions = SEEDED
) -> SampledText:
    text = SampledText([2, 3], options, rule, forbidden, random_generator(options))
    for _ in lockstep(engine, [[2, 3]], [text]):
        pass
    return text


def test_the_log_probability_does_not_depend_on_the_options() -> None:
    engine = toy_engine()
    options = SamplingOptions(temperature=3.0, top_k=3, repetition_penalty=1.5, seed=1)
    text = drawn(engine, EndRule(9), ForbiddenWords([0]), options)
    assert len(text.ids) == 9
    assert text.log_prob == pytest.approx(log_prob_of(engine, (2, 3), tuple(text.ids)), rel=1e-5)
    assert text.hypotheses()[0].log_prob == text.log_prob


def test_a_forbidden_phrase_is_not_completed() -> None:
    flat = toy_engine(logit_scale=0.0)
    assert (2, 4) in pairwise(drawn(flat, EndRule(300)).ids)
    ids = drawn(flat, EndRule(300), ForbiddenWords([], [Phrase((frozenset([2]), frozenset([4])))])).ids
    assert (2, 4) not in pairwise(ids)


def test_the_penalty_applies_to_prompt_and_text() -> None:
    flat = toy_engine(logit_scale=0.0)
    options = SamplingOptions(repetition_penalty=100.0, repetition_window=2, temperature=0.01)
    ids = [2, 3, *drawn(flat, EndRule(9), options=options).ids]
    assert all(len(set(ids[place : place + 3])) == 3 for place in range(9))


def test_samples_have_independent_generators_and_the_first_depends_only_on_the_seed() -> None:
    options = SamplingOptions(seed=5)
    draws = [random_generator(options, number).random() for number in range(50)]
    assert draws[0] == np.random.default_rng(5).random()
    assert len(set(draws)) == 50
    assert draws == [random_generator(options, number).random() for number in range(50)]
    assert random_generator(SamplingOptions(), 1).random() != random_generator(SamplingOptions(), 1).random()


OPTIONS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.0},
    {"temperature": 0.7},
    {"temperature": 3.0},
    {"top_k": 1},
    {"top_k": 7},
    {"top_k": 100_000},
    {"top_p": 0.01},
    {"top_p": 0.9},
    {"top_p": 0.999999},
    {"min_p": 0.1},
    {"min_p": 1.0},
    {"top_k": 50, "top_p": 0.5, "min_p": 0.01, "temperature": 0.8},
    {"typical_p": 0.5},
    {"repetition_penalty": 2.0, "top_p": 0.8},
]


def distribution(seed: int, size: int, scale: float) -> Any:
    logits = np.random.default_rng(seed).normal(size=size) * scale
    return (logits - np.log(np.exp(logits).sum())).astype(np.float32)


@pytest.mark.parametrize("changes", OPTIONS, ids=str)
@pytest.mark.parametrize(("size", "scale"), [(2, 1.0), (300, 0.1), (3000, 1.0), (3000, 5.0)])
def test_it_draws_the_token_of_the_defined_distribution(changes: dict[str, Any], size: int, scale: float) -> None:
    options = SamplingOptions(**changes)
    for seed in range(30):
        log_probs, forbidden, read = distribution(seed, size, scale), {0} if size > 2 else set(), [1, 1, size - 1]
        expected = sample(filtered(log_probs, options, forbidden, read), np.random.default_rng(seed))
        assert draw(log_probs, options, forbidden, read, np.random.default_rng(seed)) == expected


@given(
    weights=st.lists(st.sampled_from([0.0, 1e-300, 0.1, 1 / 3, 5.0]), min_size=1, max_size=600), number=st.floats(0, 1)
)
def test_nothing_with_weight_zero_is_drawn(weights: list[float], number: float) -> None:
    array = np.array([*weights, 1.0])
    assert array[drawn_index(array, number)] > 0


def test_nothing_is_drawn_where_nothing_is_possible() -> None:
    with pytest.raises(SettingError, match="at least one token must be possible"):
        draw(np.zeros(2, np.float32), SamplingOptions(), [0, 1], [], np.random.default_rng(1))
    with pytest.raises(SettingError, match="is nan"):
        draw(np.full(2, np.nan, np.float32), SamplingOptions(temperature=0), [], [], np.random.default_rng(1))
