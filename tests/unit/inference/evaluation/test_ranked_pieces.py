"""Ranks are those of a session in which the text is typed key by key."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from nextword.inference.evaluation.ranked_pieces import PieceRanker, PieceRanks, RankedPiece, TypedPiece, typed_pieces
from nextword.inference.suggestion.session import SuggestionSession
from nextword.inference.suggestion.suggestion import SessionOptions
from nextword.inference.suggestion.user_words import UserWords
from nextword.text.options import TokenizerKind
from nextword.text.tokens.pre_tokens import normalize, segments
from support.typing_engines import make_tokenizer, toy_engine

CASED = ["The", "the", "then", "They", "Tom", "said", "don't", ", ", ",", ' "', '" ', '"', ". ", ".", "an", "well", "-"]
LOWER = [word.lower() for word in CASED if word != "The"]
WORDS = [
    *("The", "the", "then", "Tom", "TOM", "said", "don't", "Zola"),
    *("zo", "Kit", "an", "well-then", '"the', 'an"', "."),
]
lines_of_text = st.lists(
    st.lists(st.sampled_from([*WORDS, "said,", "Zola.", 'the."', ",", "-", '"']), max_size=6).map(" ".join),
    min_size=1,
    max_size=3,
)


def ranked(model: TextModel, lines: list[str], k: int, options: SessionOptions, words: UserWords) -> list[RankedPiece]:
    ranker = PieceRanker(model, k, user_words=words, options=options)
    return list(ranker.ranked(typed_pieces(model.tokenizer, lines)))


def check_key_by_key(
    model: TextModel, lines: list[str], k: int, options: SessionOptions, words: UserWords, *, learned: bool
) -> int:
    """Type the pieces into a session, compare the rank before each key, and return the number of comparisons."""
    session = SuggestionSession(model, user_words=words if learned else None, options=options.replace(learn=learned))
    num_compared = 0

    def rank(word: str) -> int:
        shown = [suggestion.text for suggestion in session.suggestions(k)]
        return shown.index(word) + 1 if word in shown else 0

    may_be_taken = False
    for piece, _, plain, with_words in ranked(model, lines, k, options, words):
        ranks: PieceRanks = with_words if learned else plain
        if piece.space_before:
            session.type(" ")
        if not piece.is_end and (not piece.follows_word or may_be_taken):
            session.type(" " if piece.follows_word else "")
            assert ranks.next_word == rank(piece.text), (session.text, piece)
            session.backspace(1 if piece.follows_word else 0)
            num_compared += 1
        for place, letter in enumerate(piece.text):
            session.type(letter)
            if not piece.is_end and piece.can_be_begun and place + 1 < len(piece.text):
                assert ranks.completions[place] == rank(piece.text), (session.text, piece)
                num_compared += 1
        may_be_taken = plain.can_be_taken or with_words.can_be_taken
    return num_compared


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("kind", ["word", "pretokenized"])
@pytest.mark.parametrize("vocabulary", [CASED, LOWER])
@settings(max_examples=30)
@given(lines=lines_of_text, seed=st.integers(1, 9), restore_case=st.booleans())
def test_ranks_are_those_of_a_session(
    lines: list[str], seed: int, restore_case: bool, vocabulary: list[str], kind: TokenizerKind, learned: bool
) -> None:
    bare = list(dict.fromkeys(word if kind == "word" else word.strip() for word in vocabulary))
    tokenizer = make_tokenizer(bare, kind)
    model = TextModel(toy_engine(tokenizer.vocabulary, seed=seed), tokenizer)
    words = UserWords()
    words.learn("Kitty")
    check_key_by_key(model, lines, 4, SessionOptions(restore_case=restore_case), words, learned=learned)


def test_each_token_is_read_once() -> None:
    tokenizer = make_tokenizer(["the", "then", "said"], "pretokenized")
    engine = toy_engine(tokenizer.vocabulary)
    ranked(TextModel(engine, tokenizer), ["the Zola said then", "Zola said"], 5, SessionOptions(), UserWords())
    assert engine.num_read == 1 + 6  # `<eos>` before the text, and all pieces before the last word


def test_a_learned_word_is_suggested_from_its_second_use_on() -> None:
    tokenizer = make_tokenizer(["the", "said"], "pretokenized")
    model = TextModel(toy_engine(tokenizer.vocabulary), tokenizer)
    first, _, second, _ = ranked(model, ["Zola said Zola"], 5, SessionOptions(), UserWords())
    assert not first.is_known
    assert first.learned == first.plain == PieceRanks(0, False, (0, 0, 0))
    assert second.plain == first.plain
    assert second.learned.completions == (1, 1, 1)
    assert second.learned.next_word > 0
    words = UserWords()
    words.learn("Zola")
    assert ranked(model, ["Zola"], 5, SessionOptions(), words)[0].learned.completions == (1, 1, 1)


@pytest.mark.parametrize("kind", ["character", "subword"])
def test_models_of_parts_of_words_are_refused(kind: TokenizerKind) -> None:
    tokenizer = make_tokenizer(["a", "b"], kind)
    with pytest.raises(SettingError, match=f"whose tokens are words, but those of this model are {kind}s"):
        PieceRanker(TextModel(toy_engine(tokenizer.vocabulary), tokenizer), 5, options=SessionOptions())


texts = st.lists(st.text("ab'\u2019 ,\".-7\t", max_size=12), min_size=1, max_size=4)


def typed(pieces: list[TypedPiece]) -> str:
    return "".join(f"{' ' if piece.space_before else ''}{piece.text}" for piece in pieces)


@pytest.mark.parametrize(("kind", "line_ends"), [("word", "line"), ("word", "paragraph"), ("pretokenized", "line")])
@given(lines=texts)
def test_the_keys_are_those_of_the_text(lines: list[str], kind: Any, line_ends: Any) -> None:
    tokenizer = make_tokenizer("a b", kind, line_ends)
    pieces = list(typed_pieces(tokenizer, lines))
    whole = list(segments(lines, line_ends))
    breaks = "\n\n" if line_ends == "paragraph" else "\n"
    assert typed(pieces) == "".join(normalize(segment, kind) + breaks for segment in whole)
    encoded = [token_id for ids in tokenizer.encode_segments(iter(whole)) for token_id in ids.tolist()]
    end_id = tokenizer.vocabulary.end_id
    assert encoded == [end_id if piece.is_end else tokenizer.vocabulary.id_of(piece.spaced) for piece in pieces]
    for before, after in pairwise(pieces):
        assert before.space_after == after.space_before


def test_words_and_marks_are_told_apart() -> None:
    line = 'Don\'t say, "well-known 7."'
    pieces = list(typed_pieces(make_tokenizer(""), [line]))
    assert [piece.text for piece in pieces if piece.is_word] == ["Don't", "say", "well", "known", "7"]
    assert [piece.text for piece in pieces if not piece.can_be_begun] == [",", '"', "-", ".", '"', "\n"]
    assert [piece.text for piece in pieces if piece.follows_word] == [",", "-", "."]
    assert [piece.spaced for piece in pieces if not piece.is_word][:3] == [", ", '"', "-"]
    tokens = list(typed_pieces(make_tokenizer("", "pretokenized"), ["said , -- n't"]))
    assert [piece.text for piece in tokens if piece.is_word] == ["said", "n't"]
    assert [piece.can_be_begun for piece in tokens] == [True, True, True, True, False]
