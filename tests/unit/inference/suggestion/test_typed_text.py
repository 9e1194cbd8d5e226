import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nextword.errors import SettingError, TextError
from nextword.inference.suggestion.typed_text import Piece, TypedText, known_dashes, known_pieces
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.small_tokenizers import WAYS, tokenizer_of_text

MARKS = [f"{before}{mark}{after}" for mark in "\",.'\u2019-" for before in ("", " ") for after in ("", " ")]
# `,` is more frequent than `, `, `. ` than `.`; ` " ` is known and ` "` is not. An unknown token has no other form.
WORDS = [
    "a",
    "b",
    " a",
    "don't",
    "don\u2019t",
    "é",
    "c",
    ".,",
    "<",
    *sorted(set(MARKS) - {', "', ' "', " ' ", " \u2019 "}, key=lambda m: (m == ".", m)),
]
VOCABULARY = Vocabulary(("<unk>", "<eos>", *WORDS))
AWKWARD = ["don't", "<unk>", *"abéc\u03017_\u4e2d\u1e9e", *"\",.'\u2019- \t\n\r\x0b\u00a0\u2028<>"]
texts = st.lists(st.sampled_from(AWKWARD), max_size=14).map("".join) | st.text(
    st.characters(exclude_characters="\u2014\u2018\u201c\u201d", exclude_categories=["Cs"]), max_size=8
)

CURLY = (
    "\u201cI don\u2019t,\u201d she said. (\u201cNo\u2014\u2018yes\u2019\u2014\u201cno\u201d is right.\u201d) "
    "\u2018It is o\u2019clock\u2019"
)
STRAIGHT = "\"I don't,\" she said. (\"No--'yes'--\"no\" is right.\") 'It is o'clock'"


def tokenizer_of(kind: TokenizerKind, line_ends: LineEnds) -> Tokenizer:
    return Tokenizer(kind, line_ends, VOCABULARY)


def ids_of(typed: TypedText) -> list[int]:
    return [piece.token_id for piece in typed.pieces]


def prompt_ids_of(typed: TypedText) -> list[int]:
    return [piece.token_id for piece in typed.prompt_pieces()]


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@given(keys=st.lists(texts, max_size=6))
@example(keys=["a\r", "\nb"])
@example(keys=["a\n", "\n", '"b'])
@example(keys=["a ' ", "b"])
def test_the_pieces_match_the_tokenizer(kind: TokenizerKind, line_ends: LineEnds, keys: list[str]) -> None:
    tokenizer = tokenizer_of(kind, line_ends)
    typed = TypedText(tokenizer)
    for key in keys:
        typed.insert(key)
        assert prompt_ids_of(typed) == tokenizer.encode_prompt(typed.text)
        if not typed.prefix or kind == "character":
            assert ids_of(typed) == tokenizer.encode_prompt(typed.text)
        elif kind == "subword":
            before = typed.text[: len(typed.text) - len(typed.prefix)]
            unread = typed.unread.removesuffix(typed.prefix) + "c"
            assert ids_of(typed) + [token_id for _, token_id in tokenizer.cut(unread)] == tokenizer.encode(before + "c")
        else:
            # A known word instead of the word being typed shows the pieces before it.
            before = typed.text[: len(typed.text) - len(typed.prefix)]
            assert [*ids_of(typed), VOCABULARY.id_of("c")] == tokenizer.encode(before + "c")


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@given(edits=st.lists(texts | st.integers(1, 20), max_size=8))
def test_typing_and_removing_equals_typing_the_result(
    kind: TokenizerKind, line_ends: LineEnds, edits: list[str | int]
) -> None:
    typed = TypedText(tokenizer_of(kind, line_ends))
    for edit in edits:
        before = typed.pieces
        kept = typed.insert(edit) if isinstance(edit, str) else typed.remove(min(edit, len(typed.text)))
        fresh = TypedText(tokenizer_of(kind, line_ends))
        fresh.insert(typed.text)
        assert (typed.pieces, typed.prefix) == (fresh.pieces, fresh.prefix)
        assert typed.pieces[:kept] == before[:kept]
        assert typed.pieces_from(kept) == typed.pieces[kept:]


@pytest.mark.parametrize(
    ("kind", "text", "prefix"),
    [
        ("word", "He don'", "don'"),
        ("word", "He said 'th", "th"),
        ("word", 'He said, "', ""),
        ("word", "He ", ""),
        ("word", "well-kn", "kn"),
        ("pretokenized", 'He said , "', '"'),
        ("pretokenized", "well-kn", "well-kn"),
        ("pretokenized", "said\u00a0so", "said\u00a0so"),
        ("pretokenized", "so\t", ""),
        ("character", "He don'", "don'"),
    ],
)
def test_the_word_being_typed(kind: TokenizerKind, text: str, prefix: str) -> None:
    typed = TypedText(tokenizer_of(kind, "line"))
    typed.insert(text)
    assert typed.prefix == prefix


@pytest.mark.parametrize(
    ("text", "unread", "num_pieces"),
    [
        ("a b", " b", 1),
        ("a ", " ", 1),
        ("a  ", " ", 1),
        ("a", "a", 0),
        ("a\n b", "b", 2),
        ("  a", "a", 0),
        ("a ,b", "b", 2),
        ("a, ", " ", 2),
        ("", "", 0),
        ("\n ", "", 1),
    ],
)
def test_the_space_before_a_subword_is_unread_until_the_word(text: str, unread: str, num_pieces: int) -> None:
    typed = TypedText(tokenizer_of("subword", "line"))
    for key in text:
        typed.insert(key)
    assert (typed.unread, len(typed.pieces)) == (unread, num_pieces)


def test_only_the_end_is_tokenized_again(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = TypedText(tokenizer_of("word", "line"))
    typed.insert("a, b " * 500)
    cut: list[str] = []
    pieces_of = typed._pieces_of

    def watched(part: str) -> Iterator[Piece]:
        cut.append(part)
        return pieces_of(part)

    monkeypatch.setattr(typed, "_pieces_of", watched)
    for key in "a--b, don't":
        typed.insert(key)
    typed.remove(11)
    assert max(map(len, cut)) < 20


@pytest.mark.parametrize("text", [" " * 50_000, "b" * 50_000 + " ", "\n" * 50_000])
@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
def test_a_long_run_takes_no_time_by_its_square(kind: TokenizerKind, line_ends: LineEnds, text: str) -> None:
    typed = TypedText(tokenizer_of(kind, line_ends))
    began = time.process_time()  # of this process: other programs may use the machine
    typed.insert(text)
    assert time.process_time() - began < 15  # the square would take forty seconds


def test_capitals_are_read_in_lower_case_if_the_vocabulary_has_none() -> None:
    typed = TypedText(tokenizer_of("word", "line"), lower_case=True)
    typed.insert("A DON'T X b ")
    assert ids_of(typed) == [VOCABULARY.id_of(word) for word in ("a", "don't", "<unk>", "b")]
    assert [piece.text for piece in typed.pieces] == ["A", "DON'T", "X", "b"]


@pytest.mark.parametrize("bad", ["a <eos> b", "\ud800"])
def test_refused_input_changes_nothing(bad: str) -> None:
    typed = TypedText(tokenizer_of("pretokenized", "line"))
    typed.insert("a b c")
    before = typed.pieces
    with pytest.raises(TextError):
        typed.insert(bad)
    assert (typed.text, typed.pieces, typed.prefix) == ("a b c", before, "c")


@pytest.mark.parametrize("num_characters", [-1, 4])
def test_at_most_the_whole_text_can_be_removed(num_characters: int) -> None:
    typed = TypedText(tokenizer_of("word", "line"))
    typed.insert("a b")
    with pytest.raises(SettingError, match="between 0 and 3, the length of the text, but is"):
        typed.remove(num_characters)


@pytest.mark.parametrize("kind", ["word", "subword", "character"])
@pytest.mark.parametrize(("book", "typed"), [(CURLY, STRAIGHT), (STRAIGHT, CURLY)])
def test_a_typed_text_is_read_in_the_form_of_the_vocabulary(kind: TokenizerKind, book: str, typed: str) -> None:
    tokenizer = tokenizer_of_text(book, kind)
    text = TypedText(tokenizer)
    for key in typed:
        text.insert(key)
    assert [piece.token_id for piece in text.prompt_pieces()] == tokenizer.encode_prompt(book)
    assert text.text == typed


def test_the_typed_form_is_read_if_the_vocabulary_has_it() -> None:
    tokenizer = tokenizer_of_text(f"{CURLY} {STRAIGHT}", "word")
    for text in (CURLY, STRAIGHT.replace("--", "\u2014")):
        assert known_pieces(tokenizer, text) == tokenizer.cut(text)


@pytest.mark.parametrize(("tokens", "typed"), [(("--", "so"), "so \u2014 so"), (("\u2014", "so"), "so -- so")])
def test_dashes_of_cut_text_are_tokens(tokens: tuple[str, ...], typed: str) -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", *tokens)))
    assert [piece for piece, _ in known_pieces(tokenizer, known_dashes(tokenizer, typed))] == ["so", tokens[0], "so"]


@pytest.mark.parametrize("text", ["so -- so", "so \u2014 so"])
def test_a_vocabulary_of_both_dashes_reads_both(text: str) -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", "\u2014", "--", "so")))
    assert known_dashes(tokenizer, text) == text


def test_what_no_form_makes_known_is_unknown() -> None:
    tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "so")))
    assert known_pieces(tokenizer, "don't so\u2018so") == tokenizer.cut("don't so\u2018so")
