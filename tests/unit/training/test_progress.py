import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.training.options import TrainingOptions
from nextword.training.progress import TrainingProgress
from support.training_records import make_records

perplexities = st.lists(st.floats(1.0, 100.0) | st.just(math.nan) | st.just(math.inf), min_size=1, max_size=12)


def history(valid_perplexities: list[float], num_rounds: int = 100, **options: Any) -> list[TrainingProgress]:
    """The progress after each round."""
    steps = [TrainingProgress()]
    for record in make_records(*valid_perplexities):
        steps.append(steps[-1].after_round(record, TrainingOptions(**options), 10 * num_rounds))
    return steps[1:]


def test_the_best_round_is_the_first_with_the_lowest_perplexity() -> None:
    steps = history([9.0, 7.0, 8.0, 7.0, 6.0])
    assert [progress.best_round for progress in steps] == [1, 2, 2, 2, 5]
    assert [progress.best_perplexity for progress in steps] == [9.0, 7.0, 7.0, 7.0, 6.0]
    assert [progress.latest_is_best for progress in steps] == [True, True, False, False, True]
    assert steps[-1].seconds == 5.0


@given(perplexities)
def test_the_best_round_has_the_lowest_finite_perplexity(values: list[float]) -> None:
    progress = history(values)[-1]
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        assert progress.best_perplexity == min(finite)
        assert progress.best_round == values.index(min(finite)) + 1
    else:
        assert progress.best_round == 0
        assert not progress.latest_is_best


@pytest.mark.parametrize("hopeless", [math.nan, math.inf])
def test_a_round_without_a_finite_perplexity_counts_as_no_improvement(hopeless: float) -> None:
    steps = history([hopeless, 7.0, hopeless])
    assert [progress.best_round for progress in steps] == [0, 2, 2]


def test_patience_ends_training_after_n_rounds_without_improvement() -> None:
    steps = history([9.0, 8.0, 8.5, 7.0, 7.5, 7.5, 7.5], patience=3)
    assert [progress.finished for progress in steps] == [False] * 6 + [True]


def test_without_patience_only_the_last_round_ends_training() -> None:
    assert [progress.finished for progress in history([9.0] * 4, num_rounds=4)] == [False, False, False, True]


@given(perplexities.map(lambda values: [value for value in values if math.isfinite(value)]))
def test_progress_survives_json(values: list[float]) -> None:
    progress = history(values, patience=2)[-1] if values else TrainingProgress()
    assert TrainingProgress.from_table(json.loads(json.dumps(progress.to_table()))) == progress


# When averaging begins.


def published_trigger(values: list[float], patience: int) -> int:
    """The round after which AWD-LSTM's training program begins to average; 0 if it does not."""
    before: list[float] = []
    for number, value in enumerate(values, start=1):
        if len(before) > patience and value > min(before[:-patience] if patience else before):
            return number
        before.append(value)
    return 0


def averaging_since(values: list[float], patience: int) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nextword.training.progress.AVERAGING_PATIENCE", patience)
        return history(values, averaging="triggered")[-1].averaging_since


@given(st.lists(st.floats(1.0, 3.0), min_size=1, max_size=15), st.integers(0, 6))
def test_averaging_begins_as_in_the_published_program(values: list[float], patience: int) -> None:
    assert averaging_since(values, patience) == published_trigger(values, patience)


def test_a_round_worse_than_only_recent_rounds_does_not_trigger_averaging() -> None:
    values = [9.0, 8.0, 7.0, 7.5, 7.2, 7.9, 7.1]
    assert averaging_since(values, 5) == 0
    assert averaging_since([*values, 7.4], 5) == 0  # better than the 8.0 of five rounds before
    assert averaging_since([*values, 8.5], 5) == 8


def test_averaging_begins_once_and_only_with_triggered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextword.training.progress.AVERAGING_PATIENCE", 1)
    values = [7.0, 8.0, 9.0, 10.0]
    since = [progress.averaging_since for progress in history(values, averaging="triggered")]
    assert since == [0, 0, 3, 3]
    assert history(values, averaging="exponential")[-1].averaging_since == 0
