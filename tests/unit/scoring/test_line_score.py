import json
import math

import numpy as np
import pytest

from nextword.errors import EvaluationError
from nextword.scoring.line_score import LineScore


def line_score(log_probs: list[float], missing: list[bool] | None = None) -> LineScore:
    size = len(log_probs)
    return LineScore(
        number=1,
        text="a b",
        ids=np.zeros(size, np.int32),
        log_probs=np.array(log_probs, np.float32),
        ranks=np.ones(size, np.int32),
        out_of_vocabulary=np.array(missing or [False] * size, np.bool_),
    )


def test_figures_are_those_of_the_definitions() -> None:
    score = line_score([math.log(0.5), math.log(0.25), math.log(0.125)], [False, True, False])
    assert score.num_tokens == 3
    assert score.num_out_of_vocabulary == 1
    assert score.log_prob == pytest.approx(math.log(1 / 64))
    assert score.log10_prob == pytest.approx(math.log10(1 / 64))
    assert score.bits.tolist() == pytest.approx([1, 2, 3])
    assert score.perplexity == pytest.approx(4)


def test_what_is_impossible_is_infinitely_perplexing_and_null_in_json() -> None:
    score = line_score([-math.inf, -1.0])
    assert score.perplexity == math.inf
    assert line_score([-1000.0]).perplexity == math.inf  # above what a float can be
    table = json.loads(json.dumps(score.to_table(), allow_nan=False))
    assert table["log_prob"] is table["log10_prob"] is table["perplexity"] is None


def test_a_line_without_tokens_has_no_perplexity() -> None:
    score = line_score([])
    assert score.log_prob == 0
    with pytest.raises(EvaluationError, match="at least one token, but there is none"):
        _ = score.perplexity
    assert score.to_table()["perplexity"] is None
