from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from nextword.inference.generation.generated_text import EndRule
from nextword.inference.generation.lockstep import lockstep
from nextword.inference.generation.sampled_text import SampledText, random_generator
from nextword.inference.generation.sampling import SamplingOptions
from nextword.inference.generation.speller import Phrase
from nextword.inference.generation.words import ForbiddenWords

MakeEngine = Callable[..., Any]
NO_WORDS, SEEDED = ForbiddenWords(), SamplingOptions(seed=3)


def drawn(
    engine: Any,
    rule: EndRule,
    forbidden: ForbiddenWords = NO_WORDS,
    options: SamplingOptions = SEEDED,
) -> SampledText:
    text = SampledText([2, 3], options, rule, forbidden, random_generator(options))
    for _ in lockstep(engine, [[2, 3]], [text]):
        pass
    return text


def test_the_log_probability_does_not_depend_on_the_options(
    toy_engine: MakeEngine, log_prob_of: Callable[..., float]
) -> None:
    engine = toy_engine()
    options = SamplingOptions(temperature=3.0, top_k=3, repetition_penalty=1.5, seed=1)
    text = drawn(engine, EndRule(9), ForbiddenWords([0]), options)
    assert len(text.ids) == 9
    assert text.log_prob == pytest.approx(log_prob_of(engine, (2, 3), tuple(text.ids)), rel=1e-5)
    assert text.hypotheses()[0].log_prob == text.log_prob


def test_a_forbidden_phrase_is_not_completed(toy_engine: MakeEngine) -> None:
    flat = toy_engine(logit_scale=0.0)
    assert (2, 4) in pairwise(drawn(flat, EndRule(300)).ids)
    ids = drawn(flat, EndRule(300), ForbiddenWords([], [Phrase((frozenset([2]), frozenset([4])))])).ids
    assert (2, 4) not in pairwise(ids)


def test_the_penalty_applies_to_prompt_and_text(toy_engine: MakeEngine) -> None:
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
