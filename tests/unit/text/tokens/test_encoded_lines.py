import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError, TextError
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.encoded_lines import (
    EncodedLine,
    encoded_windows,
    line_segment,
    segment_spans,
    surface,
    text_segments,
    token_spans,
)
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.small_tokenizers import WAYS, WITHOUT_SUBWORDS

TOKENS = ("<eos>", "the", "<unk>", "cat", "said", ", ", ",", "a", "b", " ", ".")

lines_of_text = st.lists(
    st.lists(st.sampled_from(["the", "cat", "dog", "said,", "'", '"no', " ", "\t", "\xa0", "é", "<unk>"]), max_size=6)
    .map(" ".join)
    .filter(lambda line: "<eos>" not in line),
    max_size=8,
)


def tokenizer_of(kind: TokenizerKind, line_ends: LineEnds = "line") -> Tokenizer:
    return Tokenizer(kind, line_ends, Vocabulary(TOKENS))


def encoded(tokenizer: Tokenizer, lines: list[str], max_lines: int = 3) -> list[EncodedLine]:
    return [line for window in encoded_windows(tokenizer, lines, max_lines=max_lines) for line in window]


@pytest.mark.parametrize(("kind", "line_ends"), WITHOUT_SUBWORDS)
@given(lines=lines_of_text, max_lines=st.integers(1, 5))
def test_each_line_is_encoded_by_itself(
    kind: TokenizerKind, line_ends: LineEnds, lines: list[str], max_lines: int
) -> None:
    tokenizer = tokenizer_of(kind, line_ends)
    by_line = tokenizer_of(kind)
    found = encoded(tokenizer, lines, max_lines)
    assert [line.text for line in found] == lines
    assert [line.number for line in found] == list(range(1, len(lines) + 1))
    for line in found:
        assert line.ids.tolist() == [*by_line.encode(line.text), 0]


@pytest.mark.parametrize(("kind", "line_ends"), WITHOUT_SUBWORDS)
@given(line=lines_of_text.map(" ".join))
def test_the_surface_has_a_piece_for_each_token(kind: TokenizerKind, line_ends: LineEnds, line: str) -> None:
    tokenizer = tokenizer_of(kind, line_ends)
    pieces = surface(tokenizer, line)
    assert [tokenizer.vocabulary.id_of(piece) for piece in pieces] == encoded(tokenizer, [line])[0].ids[:-1].tolist()


def test_a_written_unknown_is_not_out_of_vocabulary() -> None:
    (line,) = encoded(tokenizer_of("pretokenized"), ["the <unk> dog"])
    assert line.ids.tolist() == [1, 2, 2, 0]
    assert line.out_of_vocabulary.tolist() == [False, False, True, False]
    (line,) = encoded(tokenizer_of("word"), ["<unk>"])  # cut into marks and a word
    assert line.out_of_vocabulary.tolist() == [True, True, True, False]


def test_a_file_will_do_for_lines() -> None:
    found = encoded(tokenizer_of("pretokenized"), ["the\n", "cat\r\n", "\n", "said"])
    assert [line.text for line in found] == ["the", "cat", "", "said"]


def test_no_more_is_read_than_is_yielded_next() -> None:
    read: list[int] = []

    def lines() -> Iterator[str]:
        for number in range(1000):
            read.append(number)
            yield "the cat"

    windows = encoded_windows(tokenizer_of("pretokenized"), lines(), max_lines=7)
    for count in range(1, 5):
        assert len(next(windows)) == 7
        assert len(read) == 7 * count


def test_a_window_ends_after_a_million_characters_too() -> None:
    read: list[int] = []

    def lines() -> Iterator[str]:
        for number in range(10):
            read.append(number)
            yield "the " * 2**17

    assert len(next(encoded_windows(tokenizer_of("pretokenized"), lines(), max_lines=10))) == len(read) == 2


@pytest.mark.parametrize(
    ("kind", "line", "message"),
    [
        ("pretokenized", "the\ncat", "line 3 does; pass each line by itself"),
        ("word", "the \ud800 cat", "line 3 holds half of a surrogate pair at character 4"),
        ("pretokenized", "the <eos> cat", "`<eos>` is reserved for line ends, but is in line 3"),
    ],
)
def test_a_line_is_refused_once_those_before_it_were_given(kind: TokenizerKind, line: str, message: str) -> None:
    windows = encoded_windows(tokenizer_of(kind), ["the", "cat", line, "said"], max_lines=10)
    assert [line.text for line in next(windows)] == ["the", "cat"]
    with pytest.raises(TextError, match=message):
        next(windows)


def test_one_string_is_not_taken_for_lines_of_one_character() -> None:
    with pytest.raises(SettingError, match="`lines` must be a list of strings, but is one string"):
        next(encoded_windows(tokenizer_of("word"), "the cat", max_lines=10))


def test_what_only_looks_like_a_line_end_is_text() -> None:
    assert encoded(tokenizer_of("word"), ["<eos>"])[0].ids.tolist() == [2, 2, 2, 0]


TOKENS_OF: dict[TokenizerKind, tuple[str, ...]] = {
    "pretokenized": ("<eos>", "<unk>", "it", "is", ",", "é"),
    "word": ("<eos>", "<unk>", "it", "is", ", ", " ,", '"', "don't", "é"),
    "subword": ("<eos>", "<unk>", " ", "i", "t", "s", " it", " i", ",", "\U0001f600"),
    "character": ("<eos>", "<unk>", "i", "t", " ", "é", "\U0001f600"),
}
PARTS = ["it", "is", "don't", *'é\U0001f600,". \t\xa0\u2028\n\r\0', "  ", "\r\n"]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=25).map("".join)


def _tokenizer(kind: TokenizerKind, line_ends: LineEnds) -> Tokenizer:
    return Tokenizer(kind, line_ends, Vocabulary(TOKENS_OF[kind]))


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
