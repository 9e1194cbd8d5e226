import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.engine.dynamic_options import DynamicOptions
from nextword.evaluation.reading import token_log_probs
from nextword.methods.dynamic import climb, mean_log_prob

NAMES = ("learning_rate", "decay")


@given(rate=st.floats(1e-6, 1e-1), decay=st.floats(1e-5, 1.0))
def test_a_hill_is_climbed_to_its_top(rate: float, decay: float) -> None:
    def score(options: DynamicOptions) -> float:
        return -(math.log(options.learning_rate / rate) ** 2) - math.log(options.decay / decay) ** 2

    top = climb(score, DynamicOptions(), NAMES)
    assert abs(math.log2(top.learning_rate / rate)) <= 0.3
    assert abs(math.log2(top.decay / decay)) <= 0.3


def test_no_setting_is_tried_twice_and_others_stay() -> None:
    tried: list[DynamicOptions] = []

    def score(options: DynamicOptions) -> float:
        tried.append(options)
        return -abs(math.log(options.learning_rate / 0.001))

    top = climb(score, DynamicOptions(decay=0.5), ["learning_rate"])
    assert len(set(tried)) == len(tried)
    assert top.decay == 0.5


def test_what_diverges_is_not_taken(bigram_engine: Callable[..., Any]) -> None:
    engine, ids = bigram_engine(), np.array([2, 3, 4], np.int32)
    assert mean_log_prob(engine, ids) == pytest.approx(token_log_probs(engine, ids).mean())
    engine.table = np.full_like(engine.table, np.nan)
    assert mean_log_prob(engine, ids) == -math.inf
    bound = climb(lambda options: -math.inf if options.learning_rate > 3e-4 else 1.0, DynamicOptions(), NAMES)
    assert bound == DynamicOptions()
