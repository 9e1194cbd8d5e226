from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError, TextError
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.encoded_lines import EncodedLine, encoded_windows, surface
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.small_tokenizers import WITHOUT_SUBWORDS

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
