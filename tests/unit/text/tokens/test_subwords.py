import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.text.tokens import subwords
from nextword.text.tokens.pre_tokens import tidy
from nextword.text.tokens.subwords import SubwordCutter, subword_vocabulary
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END, UNKNOWN, Vocabulary
from support.library_cuts import library_subwords
from support.small_tokenizers import count_pieces

LINES = ["low lower lowest", "new newer newest", "wide wider widest"] * 5
SEGMENT = st.text("abcé ,'x", max_size=30).map(lambda text: " ".join(text.split()))


def built(lines: list[str], *, minimum_count: int = 1, maximum_size: int | None = None) -> Vocabulary:
    counts = count_pieces(lines, "subword")
    return subword_vocabulary([counts], minimum_count=minimum_count, maximum_size=maximum_size)


def cut(vocabulary: Vocabulary, text: str) -> list[str]:
    tokens = SubwordCutter(vocabulary).cut(text)
    return [vocabulary.token_of(token_id) for _, token_id in tokens]


def longest_match(tokens: set[str], piece: str) -> list[str]:
    """The rule in three lines: the longest token from the left."""
    found: list[str] = []
    while piece:
        found.append(next(piece[:length] for length in range(len(piece), 0, -1) if piece[:length] in tokens))
        piece = piece[len(found[-1]) :]
    return found


def test_tokens_are_those_of_the_library() -> None:
    draw = random.Random(0)
    letters = "ababé\u0301漢-].^,'\u2019\"  _7€\U0001f600(\\\\"
    for _ in range(200):
        known = draw.choices(letters, k=draw.choice([3, 8, 25]))
        longer = {"".join(draw.choices(known, k=draw.randrange(2, 6))) for _ in range(draw.choice([2, 10, 40]))}
        vocabulary = Vocabulary(tuple(sorted({UNKNOWN, END, *known, *longer})))
        library, cutter = library_subwords(vocabulary), SubwordCutter(vocabulary)
        for _ in range(500):
            text = tidy("".join(draw.choices(letters, k=draw.choice([3, 8, 20, 90]))), "subword")
            expected = library.encode(text, add_special_tokens=False)
            written = [text[start:stop] for start, stop in expected.offsets]
            assert cutter.cut(text) == list(zip(written, expected.ids, strict=True))


def test_what_words_have_in_common_becomes_a_token() -> None:
    vocabulary = built(LINES, maximum_size=26)
    assert len(vocabulary) <= 26
    assert cut(vocabulary, "lo lowest newest") == ["l", "o", " lo", "west", " ne", "west"]


def test_a_word_that_was_never_read_is_spelled() -> None:
    vocabulary = built(LINES)
    assert "<unk>" not in cut(vocabulary, "lewd newt sword")


def test_all_of_a_small_text_becomes_words_where_there_is_room() -> None:
    assert cut(built(LINES), "low lower lowest") == ["low", " lower", " lowest"]


@settings(deadline=None)
@given(lines=st.lists(SEGMENT, min_size=1, max_size=6), text=SEGMENT, size=st.sampled_from([None, 12, 20]))
def test_the_longest_token_is_taken_from_the_left(lines: list[str], text: str, size: int | None) -> None:
    vocabulary = built([*lines, "abcé ,'x"], maximum_size=size)
    for piece in count_pieces([text], "subword"):
        if set(vocabulary.tokens).issuperset(piece):  # but for <eos>, whose letters are not all in it
            assert cut(vocabulary, piece) == longest_match(set(vocabulary.tokens), piece)


@settings(deadline=None)
@given(lines=st.lists(SEGMENT, min_size=1, max_size=6), size=st.sampled_from([None, 3, 4, 5, 9, 20]))
def test_tokens_are_sorted_by_how_often_they_are_cut_out(lines: list[str], size: int | None) -> None:
    vocabulary = built(lines, maximum_size=size)
    tokenizer = Tokenizer("subword", "line", vocabulary)
    counts = Counter(token_id for ids in tokenizer.encode_segments(lines) for token_id in ids.tolist())
    assert size is None or len(vocabulary) <= size
    assert [counts[token_id] for token_id in range(len(vocabulary))] == sorted(counts.values(), reverse=True) + [0] * (
        len(vocabulary) - len(counts)
    )
    assert all(counts[place] for place, token in enumerate(vocabulary.tokens) if len(token) > 1 and token[0] != "<")
    assert built(lines[::-1], maximum_size=size) == vocabulary


def test_a_row_of_unknown_characters_is_one_unknown() -> None:
    vocabulary = built(["abc, abc"])
    assert cut(vocabulary, "ab жжж ж, aжb") == ["a", "b", "<unk>", "<unk>", ",", " ", "a", "<unk>", "b"]


def test_rare_characters_are_unknown() -> None:
    vocabulary = built(["aab", "aab", "aaz"], minimum_count=2)
    assert "z" not in vocabulary
    assert cut(vocabulary, "aaz") == ["aa", "<unk>"]


def test_characters_take_half_of_the_vocabulary_at_most() -> None:
    lines = ["".join(map(chr, range(0x4E00, 0x4E00 + 50))) + " ab ab ab"]
    vocabulary = built(lines, maximum_size=20)
    assert sum(len(token) == 1 for token in vocabulary.tokens) <= 10
    assert {"a", "b", " "} < set(vocabulary.tokens)


@pytest.mark.parametrize("awkward", ["]", "\\", "^", "-", "[", "&&", "\U0001f600", "\u0301"])
def test_every_character_may_be_in_the_alphabet(awkward: str) -> None:
    assert "<unk>" not in cut(built([f"a{awkward}b {awkward}"]), f"{awkward} a{awkward}")


def test_a_very_long_word_is_cut_all_the_same() -> None:
    tokenizer = Tokenizer("subword", "line", built(LINES))
    word = "lowest" * 20_000
    assert tokenizer.decode(tokenizer.encode(word)) == word


def test_parts_are_one_text() -> None:
    counts = count_pieces(LINES, "subword")
    parts = [dict(list(counts.items())[place::3]) for place in range(3)]
    assert subword_vocabulary(parts, minimum_count=1, maximum_size=26) == built(LINES, maximum_size=26)


def test_rare_words_are_left_out_beyond_the_limit_but_their_characters_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    frequent, rare = ["low lower lowest"] * 9, ["żółw żółw qqq qqq"]
    limited = [*frequent, *rare]
    assert {" żółw", "qqq", " qqq"} & set(built(limited).tokens)
    monkeypatch.setattr(subwords, "MAX_PRE_TOKENS", 3)
    vocabulary = built(limited)
    assert cut(vocabulary, "low lower lowest") == ["low", " lower", " lowest"]
    assert cut(vocabulary, " żółw q") == [" ", "ż", "ó", "ł", "w", " ", "q"]
    parts = [{piece: count} for piece, count in count_pieces(limited, "subword").items()]
    assert subword_vocabulary(parts, minimum_count=1, maximum_size=None) == vocabulary
    assert subword_vocabulary(parts[::-1], minimum_count=1, maximum_size=None) == vocabulary
