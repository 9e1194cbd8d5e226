import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, read_text
from nextword.inference.generation.lockstep import Branches, lockstep
from support.writers import toy_engine


class Script:
    """Returns given branches, and records the log-probabilities that it receives."""

    def __init__(self, *branches: Branches) -> None:
        self.received: list[NDArray[np.float32]] = []
        self._branches = iter(branches)

    def receive(self, log_probs: NDArray[np.float32]) -> None:
        self.received.append(log_probs.copy())

    def next_rows(self) -> Branches | None:
        return next(self._branches, None)


def chain(*ids: int) -> Script:
    """Return a script with one row that reads these tokens."""
    return Script(*(Branches((0,), (token_id,)) for token_id in ids))


def expected(engine: Engine, *ids: int) -> NDArray[np.float32]:
    log_probs, _ = read_text(engine, ids)
    first: NDArray[np.float32] = log_probs[0]
    return first


def test_texts_of_different_lengths_get_the_same_results_as_alone() -> None:
    engine = toy_engine()
    prompts = [[1, 2, 3, 4], [], [2]]
    scripts = [chain(4), chain(1, 2, 3), chain()]
    for _ in lockstep(engine, prompts, scripts):
        pass
    reads: list[list[tuple[int, ...]]] = [[(1, 2, 3, 4), (1, 2, 3, 4, 4)], [(), (1,), (1, 2), (1, 2, 3)], [(2,)]]
    for script, texts in zip(scripts, reads, strict=True):
        np.testing.assert_array_equal(np.concatenate(script.received), [expected(engine, *text) for text in texts])


def test_a_search_can_branch_and_narrow_next_to_another_text() -> None:
    engine = toy_engine()
    search = Script(Branches((0, 0, 0), (1, 2, 3)), Branches((2, 0), (4, 4)), Branches((1,), (0,)))
    beside = chain(1, 1, 1, 1)
    for _ in lockstep(engine, [[2], [3]], [search, beside]):
        pass
    reads: list[list[tuple[int, ...]]] = [[(2,)], [(2, 1), (2, 2), (2, 3)], [(2, 3, 4), (2, 1, 4)], [(2, 1, 4, 0)]]
    for received, texts in zip(search.received, reads, strict=True):
        np.testing.assert_array_equal(received, [expected(engine, *text) for text in texts])
    np.testing.assert_array_equal(beside.received[-1][0], expected(engine, 3, 1, 1, 1, 1))


def test_batch_sizes_are_few_and_complete_texts_leave_the_batch() -> None:
    engine = toy_engine(vocabulary_size=6)
    for _ in lockstep(engine, [[]] * 6, [chain(*range(1, 1 + length)) for length in range(6)]):
        pass
    assert engine.batch_sizes == [8, 8, 4, 4, 2, 1]


def test_a_single_text_needs_no_selection() -> None:
    engine = toy_engine()
    engine.select = None  # type: ignore[assignment, method-assign]
    steps = lockstep(engine, [[1, 2]], [chain(3)])
    assert len(list(steps)) == 4


def test_nothing_is_read_before_it_is_requested() -> None:
    engine = toy_engine()
    steps = lockstep(engine, [[]], [chain(1, 2, 3)])
    assert engine.batch_sizes == []
    next(steps)
    assert engine.batch_sizes == [1]
