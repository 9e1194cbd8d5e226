"""Every token has its place in the text as it was given."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.token_spans import line_segment, segment_spans, text_segments, token_spans
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.small_tokenizers import WAYS

TOKENS: dict[TokenizerKind, tuple[str, ...]] = {
    "pretokenized": ("<eos>", "<unk>", "it", "is", ",", "é"),
    "word": ("<eos>", "<unk>", "it", "is", ", ", " ,", '"', "don't", "é"),
    "subword": ("<eos>", "<unk>", " ", "i", "t", "s", " it", " i", ",", "\U0001f600"),
    "character": ("<eos>", "<unk>", "i", "t", " ", "é", "\U0001f600"),
}
PARTS = ["it", "is", "don't", *'é\U0001f600,". \t\xa0\u2028\n\r\0', "  ", "\r\n"]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=25).map("".join)


def _tokenizer(kind: TokenizerKind, line_ends: LineEnds) -> Tokenizer:
    return Tokenizer(kind, line_ends, Vocabulary(TOKENS[kind]))


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@given(text=TEXTS)
def test_ids_are_those_of_encode_and_places_show_the_tokens(
    kind: TokenizerKind, line_ends: LineEnds, text: str
) -> None:
    tokenizer = _tokenizer(kind, line_ends)
    spans = token_spans(tokenizer, text)
    assert [span.token_id for span in spans] == tokenizer.encode(text)
    end = 0
    for span in spans:
        assert end <= span.start <= span.end <= len(text)
        end = span.end
        if span.text == "<eos>":
            assert span.start == span.end
        elif kind in ("character", "pretokenized"):
            assert span.text == text[span.start : span.end]
        elif span.text.strip(" "):
            assert span.text.strip(" ") == re.sub(r"\s+", " ", text[span.start : span.end]).strip(" ")


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@given(text=TEXTS)
def test_nothing_but_white_space_is_outside_of_the_tokens(kind: TokenizerKind, line_ends: LineEnds, text: str) -> None:
    tokenizer = _tokenizer(kind, line_ends)
    place, rest = 0, ""
    for span in token_spans(tokenizer, text):
        rest += text[place : span.start]
        place = span.end
    assert not (rest + text[place:]).strip()


def test_characters_are_code_points_and_spaces_are_skipped() -> None:
    spans = token_spans(_tokenizer("word", "line"), "\U0001f600  it , is\r\n don't ")
    assert [(span.text, span.start, span.end) for span in spans] == [
        ("\U0001f600 ", 0, 1),
        ("it", 3, 5),
        (" , ", 6, 7),
        ("is", 8, 10),
        ("<eos>", 10, 10),
        ("don't", 13, 18),
    ]


def test_the_lines_of_a_paragraph_are_one_segment() -> None:
    tokenizer = _tokenizer("word", "paragraph")
    text = "\n it\r\nis \n \n\nit\n\n"
    assert [segment.text for segment in text_segments(tokenizer, text)] == [" it is ", "it"]
    first, second = text_segments(tokenizer, text)
    assert [(span.start, span.end) for span in segment_spans(tokenizer, first)] == [(2, 4), (6, 8), (9, 9)]
    assert [(span.start, span.end) for span in segment_spans(tokenizer, second)] == [(13, 15), (15, 15)]


def test_a_line_by_itself_has_places_in_the_line() -> None:
    spans = segment_spans(_tokenizer("word", "line"), line_segment("it is\r\n"))
    assert [(span.start, span.end) for span in spans] == [(0, 2), (3, 5), (5, 5)]


def test_a_text_longer_than_a_slice_of_the_tokenizer_keeps_its_places() -> None:
    tokenizer = _tokenizer("word", "line")
    text = "it  is " * 20_000
    spans = token_spans(tokenizer, text)
    assert len(spans) == 40_000
    assert all(text[span.start : span.end] == span.text for span in spans[::997])
    assert (spans[-1].start, spans[-1].end) == (len(text) - 3, len(text) - 1)
