import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.engine.engine import State
from nextword.engine.text_model import LoadedModel
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.inference.scoring.word_context import Before, WordContext, WordTokenizer, words_of
from nextword.text.batching.window import TokenIds
from nextword.text.options import TokenizerKind
from nextword.text.tokens.encoded_lines import surface
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.small_model import small_model, step_by_step

KINDS: list[TokenizerKind] = ["pretokenized", "word", "character"]

words_of_text = st.lists(
    st.sampled_from(["the", "cat,", "dog", '"on', "-", "don't", "'the'", "é.", "a-b", "€", "5€,"]), max_size=8
)


def begun(model: LoadedModel, *, bos: bool = True, spell: bool = True) -> WordContext:
    return WordContext.start(model.engine, WordTokenizer(model.tokenizer, spell=spell), bos=bos)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(words=words_of_text, bos=st.booleans())
def test_word_scores_sum_to_the_sentence(kind: TokenizerKind, words: list[str], bos: bool) -> None:
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
def test_punctuation_counts_for_both_possible_tokens(words: list[str]) -> None:
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


def test_contexts_are_equal_only_for_equal_words() -> None:
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


def test_a_context_is_read_only_when_needed(model: LoadedModel) -> None:
    shapes = vars(model.engine)["shapes"]
    context = begun(model)
    assert len(shapes) == 0
    found = [context.score(word) for word in ("the", "cat", "dog", "sat")]
    assert len(shapes) == 1  # the beginning, once
    found[1].after.score("sat")
    found[1].after.score("on")
    assert len(shapes) == 2


def test_a_text_continues_after_the_end_of_a_sentence() -> None:
    model = small_model("word")
    context = begun(model)
    total = 0.0
    for word in ("cat.", "</s>", "the", "<eos>"):
        scored = context.score(word)
        total += scored.log_prob
        context = scored.after
    ids = [*model.tokenizer.encode("cat.\nthe\n")]
    assert total == pytest.approx(sum(step_by_step(model.engine, ids, model.engine.end_id)), abs=1e-5)


def test_everything_after_an_impossible_word_is_impossible() -> None:
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


ALL_KINDS: list[TokenizerKind] = ["pretokenized", "word", "subword", "character"]

sentences = st.text(st.sampled_from("ab1_é\u0301'\u2019\",.- \t\xa0\u2028$"), max_size=25)


def tokens_one_by_one(tokenizer: Tokenizer, words: list[str]) -> list[int]:
    word_tokenizer = WordTokenizer(tokenizer)
    before: Before = "nothing"
    ids: list[int] = []
    for place, word in enumerate(words, start=1):
        tokens = word_tokenizer.tokens(word, before)
        ids += [*tokens.leading, tokens.ending if place == len(words) else tokens.continuing]
        before = tokens.before_next
    return ids


@pytest.mark.parametrize("kind", ALL_KINDS)
@given(sentence=sentences)
def test_the_tokens_of_words_match_the_sentence(kind: TokenizerKind, sentence: str) -> None:
    # Every piece that these characters can make is in the vocabulary, so that no two look alike.
    plain = Tokenizer(kind, "line", Vocabulary(("<eos>", "<unk>")))
    words = words_of(plain, sentence)
    whole = " ".join(words)
    pieces = [whole[:1], whole[2:5], " ", *whole] if kind == "subword" else surface(plain, whole)
    tokenizer = Tokenizer(kind, "line", Vocabulary(("<eos>", "<unk>", *filter(None, dict.fromkeys(pieces)))))
    assert tokens_one_by_one(tokenizer, words) == tokenizer.encode(whole)


def test_punctuation_depends_on_the_next_word() -> None:
    tokenizer = small_model("word").tokenizer
    vocabulary = tokenizer.vocabulary
    tokens = WordTokenizer(tokenizer).tokens("sat,", "word")
    assert tokens.leading == (vocabulary.id_of("sat"),)
    assert (tokens.continuing, tokens.ending) == (vocabulary.id_of(", "), vocabulary.id_of(","))
    assert tokens.before_next == "mark"


def test_a_word_is_known_if_all_its_tokens_are() -> None:
    words = WordTokenizer(small_model("word").tokenizer)
    for word, known in [
        ("cat", True),
        ("cat.", True),
        ("dog", False),
        ("dog,", False),
        ("cat-dog", False),
        ("$", False),
    ]:
        assert words.tokens(word, "word").is_known == known
    assert not WordTokenizer(small_model().tokenizer).tokens("<unk>", "word").is_known
    assert not words.tokens("", "word").is_known
    subwords = Tokenizer("subword", "line", Vocabulary(("<eos>", "<unk>", " ", "a", "b")))
    are_known = {word: WordTokenizer(subwords).tokens(word, "word").is_known for word in ("ab", "abx", "", "<eos>")}
    assert are_known == {"ab": True, "abx": False, "": False, "<eos>": False}


def test_words_are_separated_by_white_space() -> None:
    assert words_of(small_model("word").tokenizer, " the\xa0 cat\tsat ") == ["the", "cat", "sat"]
    assert words_of(small_model().tokenizer, " the a\xa0b \t") == ["the", "a\xa0b"]
    assert words_of(small_model().tokenizer, "the cat\r\nsat\n") == ["the", "cat", "sat"]
    assert words_of(small_model().tokenizer, "") == []
