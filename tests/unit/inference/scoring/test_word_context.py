import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.engine.engine import State
from nextword.engine.text_model import LoadedModel
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.inference.scoring.word_context import WordContext
from nextword.inference.scoring.word_tokens import WordTokenizer
from nextword.text.batching.window import TokenIds
from nextword.text.options import TokenizerKind

Model = Callable[..., LoadedModel]
StepByStep = Callable[..., list[float]]

KINDS: list[TokenizerKind] = ["pretokenized", "word", "character"]

words_of_text = st.lists(
    st.sampled_from(["the", "cat,", "dog", '"on', "-", "don't", "'the'", "é.", "a-b", "€", "5€,"]), max_size=8
)


def begun(model: LoadedModel, *, bos: bool = True, spell: bool = True) -> WordContext:
    return WordContext.start(model.engine, WordTokenizer(model.tokenizer, spell=spell), bos=bos)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(words=words_of_text, bos=st.booleans())
def test_word_scores_sum_to_the_sentence(small_model: Model, kind: TokenizerKind, words: list[str], bos: bool) -> None:
    model = small_model(kind)
    context = begun(model, bos=bos)
    total = 0.0
    for word in words:
        scored = context.score(word)
        total += scored.log_prob
        context = scored.after
    (line,) = score_lines(model, [" ".join(words)], ScoringOptions(bos=bos))
    assert total + context.score_end().log_prob == pytest.approx(line.log_prob, abs=1e-4)
    assert context.num_words == len(words) + bos


@settings(max_examples=30)
@given(words=words_of_text)
def test_punctuation_counts_for_both_possible_tokens(
    small_model: Model, step_by_step: StepByStep, words: list[str]
) -> None:
    model = small_model("word")
    vocabulary = model.tokenizer.vocabulary
    context = begun(model, spell=False)
    total = 0.0
    for word in (*words, "cat,"):
        scored = context.score(word)
        total += scored.log_prob
        context = scored.after
    before = model.tokenizer.encode(" ".join([*words, "cat the"]))[:-1]
    ways = [[*before, vocabulary.id_of(mark)] for mark in (", ", ",")]
    first, second = (sum(step_by_step(model.engine, ids, vocabulary.end_id)) for ids in ways)
    assert total == pytest.approx(np.logaddexp(first, second), abs=1e-4)


def test_contexts_are_equal_only_for_equal_words(small_model: Model) -> None:
    context = begun(small_model())
    once, again = context.score("the").after.score("cat").after, context.score("the").after.score("cat").after
    assert once.key == again.key
    others = [
        context,
        begun(small_model(), bos=False),
        context.score("the").after,
        context.score("cat").after.score("the").after,
        context.score("the cat").after,
        once.score_end().after,
        once.score("</s").after,
    ]
    assert len({once.key, *(other.key for other in others)}) == len(others) + 1


def test_a_context_is_read_only_when_needed(small_model: Model) -> None:
    model = small_model()
    shapes = vars(model.engine)["shapes"]
    context = begun(model)
    assert len(shapes) == 0
    found = [context.score(word) for word in ("the", "cat", "dog", "sat")]
    assert len(shapes) == 1  # the beginning, once
    found[1].after.score("sat")
    found[1].after.score("on")
    assert len(shapes) == 2


def test_a_text_continues_after_the_end_of_a_sentence(small_model: Model, step_by_step: StepByStep) -> None:
    model = small_model("word")
    context = begun(model)
    total = 0.0
    for word in ("cat.", "</s>", "the", "<eos>"):
        scored = context.score(word)
        total += scored.log_prob
        context = scored.after
    ids = [*model.tokenizer.encode("cat.\nthe\n")]
    assert total == pytest.approx(sum(step_by_step(model.engine, ids, model.engine.end_id)), abs=1e-5)


def test_everything_after_an_impossible_word_is_impossible(small_model: Model) -> None:
    model = small_model("word")
    vocabulary = model.tokenizer.vocabulary
    original = model.engine.step

    def without_commas(ids: TokenIds, state: State) -> tuple[NDArray[np.float32], State]:
        log_probs, state = original(ids, state)
        impossible = log_probs.copy()
        impossible[:, [vocabulary.id_of(","), vocabulary.id_of(", ")]] = -np.inf
        return impossible, state

    vars(model.engine)["step"] = without_commas
    scored = begun(model).score("cat,")
    assert scored.log_prob == -math.inf
    assert scored.after.score("the").log_prob > -math.inf
