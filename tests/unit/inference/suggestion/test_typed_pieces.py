"""The pieces of a text are those of its tokenizer, and their keys are those of the text."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.inference.suggestion.typed_pieces import TypedPiece, typed_pieces
from nextword.text.tokens.line_ends import segments
from nextword.text.tokens.pieces import normalize

Make = Callable[..., Any]

texts = st.lists(st.text("ab'\u2019 ,\".-7\t", max_size=12), min_size=1, max_size=4)


def typed(pieces: list[TypedPiece]) -> str:
    return "".join(f"{' ' if piece.space_before else ''}{piece.text}" for piece in pieces)


@pytest.mark.parametrize(("kind", "line_ends"), [("word", "line"), ("word", "paragraph"), ("pretokenized", "line")])
@given(lines=texts)
def test_the_keys_are_those_of_the_text(lines: list[str], kind: Any, line_ends: Any, make_tokenizer: Make) -> None:
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


def test_words_and_marks_are_told_apart(make_tokenizer: Make) -> None:
    line = 'Don\'t say, "well-known 7."'
    pieces = list(typed_pieces(make_tokenizer(""), [line]))
    assert [piece.text for piece in pieces if piece.is_word] == ["Don't", "say", "well", "known", "7"]
    assert [piece.text for piece in pieces if not piece.can_be_begun] == [",", '"', "-", ".", '"', "\n"]
    assert [piece.text for piece in pieces if piece.follows_word] == [",", "-", "."]
    assert [piece.spaced for piece in pieces if not piece.is_word][:3] == [", ", '"', "-"]
    tokens = list(typed_pieces(make_tokenizer("", "pretokenized"), ["said , -- n't"]))
    assert [piece.text for piece in tokens if piece.is_word] == ["said", "n't"]
    assert [piece.can_be_begun for piece in tokens] == [True, True, True, True, False]
