from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from nextword.engine.engine import Engine, read_text
from nextword.inference.generation.beam import BeamSearch, SearchTask, allocate_beam, best_first
from nextword.inference.generation.generated_text import Continuation, EndRule
from nextword.inference.generation.lockstep import lockstep
from nextword.inference.generation.request import length_normalizer
from nextword.inference.generation.words import ForbiddenWords, Phrase, RequiredWords
from support.writers import WORDS, toy_engine

scores = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=5),
    elements=st.sampled_from([-np.inf, -3.0, -2.0, -1.0, -0.5]),
)

Found = tuple[tuple[int, ...], float]

PROMPT = (2, 3)
NO_WORDS, NOTHING_REQUIRED = ForbiddenWords(), RequiredWords()


@given(scores, st.integers(1, 30))
def test_elements_come_in_order_of_score_then_index(matrix: NDArray[np.float64], at_once: int) -> None:
    possible = [place for place in np.ndindex(matrix.shape) if matrix[place] > -np.inf]
    expected = sorted(possible, key=lambda place: (-matrix[place], place))
    assert list(best_first(matrix, at_once)) == expected


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(4, 12))
def test_every_degree_of_progress_keeps_its_best_text(progress: list[int], size: int) -> None:
    kept = allocate_beam(progress, 3, size)
    assert len(kept) == min(size, len(progress))
    assert kept == sorted(set(kept))
    for degree in set(progress):
        assert progress.index(degree) in kept


@pytest.mark.parametrize(
    ("size", "kept"), [(3, [0, 2, 4]), (4, [0, 2, 4, 5]), (5, [0, 2, 3, 4, 5]), (6, [0, 1, 2, 3, 4, 5])]
)
def test_remaining_slots_go_to_the_highest_degree(size: int, kept: list[int]) -> None:
    assert allocate_beam([0, 0, 1, 1, 2, 2, 2], 2, size) == kept


def task_of(
    size: int,
    rule: EndRule,
    *,
    forbidden: ForbiddenWords = NO_WORDS,
    required: RequiredWords = NOTHING_REQUIRED,
    exponent: float = 0.6,
) -> SearchTask:
    return SearchTask((0, *PROMPT), rule, forbidden, required, size, exponent)


def search(engine: Engine, task: SearchTask, *, num_groups: int = 1, diversity: float = 0.0) -> list[Continuation]:
    writer = BeamSearch(task, num_groups=num_groups, diversity=diversity)
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


def naive_beam(
    engine: Engine, size: int, num_tokens: int, end_id: int | None, exponent: float, groups: int = 1, cost: float = 0.0
) -> list[Found]:
    """Diverse beam search as in the paper: no cached states, and no early end."""
    live: list[list[Found]] = [[((), 0.0)] for _ in range(groups)]
    complete: list[list[Found]] = [[] for _ in range(groups)]
    for length in range(1, num_tokens + 1):
        counts = np.zeros(engine.vocabulary_size)
        for group in range(groups):
            candidates = []
            for row, (ids, log_prob) in enumerate(live[group]):
                expected = read_text(engine, (*PROMPT, *ids))[0][0].astype(np.float64)
                for token_id, each in enumerate(expected):
                    found = (*ids, token_id), log_prob + float(each)
                    candidates.append((-(found[1] - cost * counts[token_id]), row, token_id, found))
            ranked = [found for *_, found in sorted(candidates)]
            ended = [found for found in ranked[:size] if length == num_tokens or found[0][-1] == end_id]
            live[group] = [found for found in ranked if length < num_tokens and found[0][-1] != end_id][:size]
            complete[group] += ended
            for ids, _ in (*ended, *live[group]):
                counts[ids[-1]] += 1
    best = [best_of_all(iter(texts), exponent)[:size] for texts in complete]
    return best_of_all(iter(dict(found for texts in best for found in texts).items()), exponent)


@pytest.mark.parametrize("exponent", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("end_id", [None, 0])
def test_a_beam_of_all_texts_is_an_exhaustive_search(exponent: float, end_id: int | None) -> None:
    engine = toy_engine(vocabulary_size=4)
    found = search(engine, task_of(4**4, EndRule(4, end_id), exponent=exponent))
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
    found = search(engine, task_of(size, EndRule(num_tokens, end_id), exponent=exponent))
    expected = naive_beam(engine, size, num_tokens, end_id, exponent)
    # The early end of the search does not change the best texts.
    assert plain(found) == expected


@given(st.integers(1, 20), st.integers(1, 3), st.integers(1, 3), st.sampled_from([None, 0]), st.floats(0, 3))
def test_it_matches_the_diverse_beam_search_of_the_paper(
    seed: int, size: int, groups: int, end_id: int | None, cost: float
) -> None:
    engine = toy_engine(seed)
    # With this exponent no group ends before its last step, so its costs affect the other groups until the end.
    found = search(engine, task_of(size, EndRule(4, end_id), exponent=50.0), num_groups=groups, diversity=cost)
    assert plain(found) == naive_beam(engine, size, 4, end_id, 50.0, groups, cost)


def test_a_search_ends_when_no_better_text_is_possible() -> None:
    engine = toy_engine(logit_scale=4.0)
    found = search(engine, task_of(1, EndRule(500, 3), exponent=0.0))
    assert found[0].ending == "end"
    assert len(engine.batch_sizes) < 100


def test_forbidden_phrases_are_in_no_text() -> None:
    engine = toy_engine(vocabulary_size=4)
    phrase = Phrase((frozenset([1, 2]), frozenset([3])))
    found = search(engine, task_of(4**4, EndRule(4), forbidden=ForbiddenWords([0], [phrase]), exponent=0.0))
    allowed = (
        text
        for text in all_texts(engine, lambda ids: len(ids) == 4)
        if 0 not in text[0] and not {(1, 3), (2, 3)} & set(zip(text[0], text[0][1:], strict=False))
    )
    # The prompt ends with 3, and the first token can be 3 as well.
    assert plain(found) == best_of_all(allowed, 0.0)


def test_a_forbidden_phrase_that_begins_in_the_prompt_is_not_completed() -> None:
    phrase = Phrase((frozenset([2]), frozenset([3]), frozenset([1, 4])))
    found = search(toy_engine(), task_of(25, EndRule(2), forbidden=ForbiddenWords([], [phrase])))
    assert {text.ids[0] for text in found} == {0, 2, 3}


def test_a_stop_string_ends_a_text_of_the_beam() -> None:
    engine = toy_engine()
    found = search(engine, task_of(5**4, EndRule(4, None, ("a b", "c"), WORDS)))

    def is_complete(ids: tuple[int, ...]) -> bool:
        return len(ids) == 4 or "a b" in WORDS.decode(ids) or "c" in WORDS.decode(ids)

    assert plain(found) == best_of_all(all_texts(engine, is_complete), 0.6)
    assert {text.ending for text in found} == {"stop", "length"}


def required_words(*rows: tuple[int, ...]) -> RequiredWords:
    return RequiredWords(
        [str(row) for row in rows], [Phrase(tuple(frozenset([token_id]) for token_id in row)) for row in rows]
    )


def holds(ids: tuple[int, ...], row: tuple[int, ...]) -> bool:
    return any(ids[place : place + len(row)] == row for place in range(len(ids)))


@pytest.mark.parametrize("end_id", [None, 0])
def test_a_wide_beam_finds_the_best_text_with_the_required_words(end_id: int | None) -> None:
    engine = toy_engine(vocabulary_size=4)
    required = required_words((1, 2), (3,))
    found = search(engine, task_of(4 * 4**4, EndRule(4, end_id), required=required))
    allowed = (
        text
        for text in all_texts(engine, lambda ids: ids[-1] == end_id or len(ids) == 4)
        if holds(text[0], (1, 2)) and holds(text[0], (3,))
    )
    assert plain(found) == best_of_all(allowed, 0.6)


@given(
    st.integers(1, 30),
    st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=2).map(tuple), min_size=1, max_size=2, unique=True),
    st.integers(0, 4),
    st.sampled_from([None, 0]),
)
def test_the_smallest_beam_generates_the_required_words(
    seed: int, rows: list[tuple[int, ...]], more: int, end_id: int | None
) -> None:
    required = required_words(*rows)
    num_tokens = required.num_tokens + more
    found = search(toy_engine(seed), task_of(required.num_tokens + 1, EndRule(num_tokens, end_id), required=required))
    assert found
    for text in found:
        assert required.missing(text.met) == ()
        assert all(holds(text.ids, row) for row in rows)


def test_words_that_cannot_be_generated_are_reported() -> None:
    required = required_words((1, 2))
    found = search(toy_engine(), task_of(4, EndRule(5), required=required, forbidden=ForbiddenWords([2])))
    assert found
    assert {required.missing(text.met) for text in found} == {("(1, 2)",)}


def test_no_text_is_found_if_all_tokens_are_forbidden() -> None:
    assert search(toy_engine(), task_of(4, EndRule(5), forbidden=ForbiddenWords(range(5)))) == []
