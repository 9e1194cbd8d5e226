import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.model.architecture import Architecture
from nextword.text.options import BatchOptions
from nextword.training.planning.memory import training_memory_bytes

SIZES = st.integers(1, 2000)


@given(SIZES, SIZES, st.integers(1, 200), st.integers(1, 200))
def test_the_memory_estimate_increases_with_every_size(hidden: int, vocabulary: int, rows: int, steps: int) -> None:
    def needed(**changes: int) -> int:
        size = {"hidden": hidden, "vocabulary": vocabulary + 1, "rows": rows, "steps": steps, **changes}
        architecture = Architecture(
            vocabulary_size=size["vocabulary"], embedding_size=8, hidden_sizes=(size["hidden"], 8)
        )
        return training_memory_bytes(architecture, BatchOptions(batch_size=size["rows"], num_steps=size["steps"]))

    least = needed()
    assert needed(hidden=hidden + 1) > least
    assert needed(vocabulary=vocabulary + 2) > least
    assert needed(rows=rows + 1) > least
    assert needed(steps=steps + 1) > least
    # Weights, gradients and Adam's averages alone are sixteen bytes a parameter.
    assert (
        least
        > 16 * Architecture(vocabulary_size=vocabulary + 1, embedding_size=8, hidden_sizes=(hidden, 8)).num_parameters
    )


def test_a_teacher_takes_less_memory_with_candidates() -> None:
    architecture = Architecture(vocabulary_size=50_000, embedding_size=64, hidden_sizes=(64,))
    batching = BatchOptions(batch_size=32, num_steps=35)
    whole, sampled, alone = (
        training_memory_bytes(architecture, batching, teacher, candidates)
        for teacher, candidates in ((architecture, None), (architecture, 8000), (None, 8000))
    )
    weights = 4 * architecture.num_parameters
    # 8,000 candidates and 32 * 35 = 1,120 targets
    assert (sampled - alone - weights) / (whole - alone - weights) == pytest.approx(9_120 / 50_000)
