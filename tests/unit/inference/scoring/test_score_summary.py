import math

import numpy as np
import pytest

from nextword.engine.text_model import LoadedModel
from nextword.errors import EvaluationError
from nextword.inference.scoring.lines import score_lines
from nextword.inference.scoring.score_summary import ScoreSummary


def test_perplexities_with_and_without_words_out_of_vocabulary(model: LoadedModel) -> None:
    scores = list(score_lines(model, ["the dog sat", "", "cow <unk> cat"]))
    summary = ScoreSummary()
    for score in scores:
        summary.add(score)
    log_probs = np.concatenate([score.log_probs for score in scores]).astype(np.float64)
    missing = np.concatenate([score.out_of_vocabulary for score in scores])
    assert (summary.num_lines, summary.num_tokens, summary.num_out_of_vocabulary) == (3, 9, 2)
    assert summary.perplexity == pytest.approx(math.exp(-log_probs.mean()), rel=1e-9)
    assert summary.known_perplexity == pytest.approx(math.exp(-log_probs[~missing].mean()), rel=1e-9)
    table = summary.to_table()
    assert table["perplexity"] == summary.perplexity
    assert table["perplexity_without_out_of_vocabulary"] == summary.known_perplexity
    assert table["log10_prob"] == pytest.approx(log_probs.sum() / math.log(10))
    assert "out of vocabulary       2 (22.22%)" in summary.describe()


def test_an_empty_summary_has_no_perplexity() -> None:
    summary = ScoreSummary()
    with pytest.raises(EvaluationError, match="at least one token"):
        _ = summary.perplexity
    assert summary.to_table()["perplexity"] is None
    assert "perplexity              undefined (no tokens)" in summary.describe()
