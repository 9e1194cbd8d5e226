"""Texts of any lengths and searches of any widths in one batch; searches against all texts."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from nextword.engine.engine import Engine, read_text
from nextword.inference.generation.generated_text import Continuation, EndRule, length_normalizer
from nextword.inference.generation.sampling import SamplingOptions, random_generator
from nextword.inference.generation.words import ForbiddenWords, Phrase
from nextword.inference.generation.writers import BeamSearch, Branches, SampledText, best_first, lockstep
from support.writers import WORDS, log_prob_of, toy_engine


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


scores = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=5),
    elements=st.sampled_from([-np.inf, -3.0, -2.0, -1.0, -0.5]),
)

Found = tuple[tuple[int, ...], float]

PROMPT = (2, 3)
NO_WORDS, SEEDED = ForbiddenWords(), SamplingOptions(seed=3)


@given(scores, st.integers(1, 30))
def test_elements_come_in_order_of_score_then_index(matrix: NDArray[np.float64], at_once: int) -> None:
    possible = [place for place in np.ndindex(matrix.shape) if matrix[place] > -np.inf]
    expected = sorted(possible, key=lambda place: (-matrix[place], place))
    assert list(best_first(matrix, at_once)) == expected


def search(
    engine: Engine, size: int, rule: EndRule, *, forbidden: ForbiddenWords = NO_WORDS, exponent: float = 0.6
) -> list[Continuation]:
    writer = BeamSearch(PROMPT, rule, forbidden, size=size, exponent=exponent)
    for _ in lockstep(engine, [PROMPT], [writer]):
        pass
    return writer.hypotheses()


def plain(found: list[Continuation]) -> list[Found]:
    return [(text.ids, text.log_prob) for text in found]


def score(found: Found, exponent: float) -> float:
    return found[1] / length_normalizer(len(found[0]), exponent)


def all_texts(engine: Engine, is_complete: Callable[[tuple[int, ...]], bool]) -> Iterator[Found]:
    """Yield all complete texts."""

    def longer(ids: tuple[int, ...], log_prob: float) -> Iterator[Found]:
        expected = read_text(engine, (*PROMPT, *ids))[0][0].astype(np.float64)
        for token_id, each in enumerate(expected):
            text = (*ids, token_id), log_prob + float(each)
            if is_complete(text[0]):
                yield text
            else:
                yield from longer(*text)

    return longer((), 0.0)


def best_of_all(texts: Iterator[Found], exponent: float) -> list[Found]:
    return sorted(texts, key=lambda found: -score(found, exponent))


def naive_beam(engine: Engine, size: int, num_tokens: int, end_id: int | None, exponent: float) -> list[Found]:
    """Beam search without cached states and without an early end."""
    live: list[Found] = [((), 0.0)]
    complete: list[Found] = []
    for length in range(1, num_tokens + 1):
        candidates = []
        for row, (ids, log_prob) in enumerate(live):
            expected = read_text(engine, (*PROMPT, *ids))[0][0].astype(np.float64)
            for token_id, each in enumerate(expected):
                found = (*ids, token_id), log_prob + float(each)
                candidates.append((-found[1], row, token_id, found))
        ranked = [found for *_, found in sorted(candidates)]
        complete += [found for found in ranked[:size] if length == num_tokens or found[0][-1] == end_id]
        live = [found for found in ranked if length < num_tokens and found[0][-1] != end_id][:size]
    return best_of_all(iter(complete), exponent)[:size]


@pytest.mark.parametrize("exponent", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("end_id", [None, 0])
def test_a_beam_of_all_texts_is_an_exhaustive_search(exponent: float, end_id: int | None) -> None:
    engine = toy_engine(vocabulary_size=4)
    found = search(engine, 4**4, EndRule(4, end_id), exponent=exponent)
    texts = all_texts(engine, lambda ids: ids[-1] == end_id or len(ids) == 4)
    assert plain(found) == best_of_all(texts, exponent)
    assert len(found) == (256 if end_id is None else 1 + 3 + 9 + 27 * 4)


# With the first four, a text that is complete but not among the first of its step would be among the best.
@example(7, 2, 5, 3, 0.0)
@example(10, 3, 5, 2, 0.0)
@example(6, 5, 5, 0, 0.6)
@example(10, 4, 5, 0, 0.6)
@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 6), st.sampled_from([None, 0, 1]), st.floats(0, 2))
def test_it_matches_a_naive_beam_search(
    seed: int, size: int, num_tokens: int, end_id: int | None, exponent: float
) -> None:
    engine = toy_engine(seed)
    found = search(engine, size, EndRule(num_tokens, end_id), exponent=exponent)
    expected = naive_beam(engine, size, num_tokens, end_id, exponent)
    # The early end of the search does not change the best texts.
    assert plain(found) == expected


def test_a_search_ends_when_no_better_text_is_possible() -> None:
    engine = toy_engine(logit_scale=4.0)
    found = search(engine, 1, EndRule(500, 3), exponent=0.0)
    assert found[0].ending == "end"
    assert len(engine.batch_sizes) < 100


def test_forbidden_phrases_are_in_no_text() -> None:
    engine = toy_engine(vocabulary_size=4)
    phrase = Phrase((frozenset([1, 2]), frozenset([3])))
    found = search(engine, 4**4, EndRule(4), forbidden=ForbiddenWords([0], [phrase]), exponent=0.0)
    allowed = (
        text
        for text in all_texts(engine, lambda ids: len(ids) == 4)
        if 0 not in text[0] and not {(1, 3), (2, 3)} & set(zip(text[0], text[0][1:], strict=False))
    )
    # The prompt ends with 3, and the first token can be 3 as well.
    assert plain(found) == best_of_all(allowed, 0.0)


def test_a_forbidden_phrase_that_begins_in_the_prompt_is_not_completed() -> None:
    phrase = Phrase((frozenset([2]), frozenset([3]), frozenset([1, 4])))
    found = search(toy_engine(), 25, EndRule(2), forbidden=ForbiddenWords([], [phrase]))
    assert {text.ids[0] for text in found} == {0, 2, 3}


def test_a_stop_string_ends_a_text_of_the_beam() -> None:
    engine = toy_engine()
    found = search(engine, 5**4, EndRule(4, None, ("a b", "c"), WORDS))

    def is_complete(ids: tuple[int, ...]) -> bool:
        return len(ids) == 4 or "a b" in WORDS.decode(ids) or "c" in WORDS.decode(ids)

    assert plain(found) == best_of_all(all_texts(engine, is_complete), 0.6)
    assert {text.ending for text in found} == {"stop", "length"}


def test_no_text_is_found_if_all_tokens_are_forbidden() -> None:
    assert search(toy_engine(), 4, EndRule(5), forbidden=ForbiddenWords(range(5))) == []


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
