import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.reading.lines import split_lines
from nextword.text.tokens import tokenizer as tokenizer_module
from nextword.text.tokens.pre_tokens import normalize, segments
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END, UNKNOWN, Vocabulary
from support.small_tokenizers import WAYS, tokenizer_of_text

NO_NUL = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
ANY_TEXT = st.text(NO_NUL) | st.text("aZ0_é\u0301 '\u2019\",.-\t\n\r\xa0\u2028\u3000漢")
TEXT = ANY_TEXT.filter(lambda text: END not in text and UNKNOWN not in text)


def tokens(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    return [tokenizer.vocabulary.token_of(token_id) for token_id in ids]


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@settings(deadline=None)
@given(text=TEXT)
def test_decoding_gives_back_the_normalized_text(kind: TokenizerKind, line_ends: LineEnds, text: str) -> None:
    tokenizer = tokenizer_of_text(text, kind, line_ends)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == normalize(text, kind, line_ends)
    assert tokenizer.vocabulary.unknown_id not in ids


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@settings(deadline=None)
@given(text=TEXT)
def test_a_longer_list_decodes_to_a_longer_text(kind: TokenizerKind, line_ends: LineEnds, text: str) -> None:
    tokenizer = tokenizer_of_text(text, kind, line_ends)
    ids = tokenizer.encode(text)
    whole = tokenizer.decode(ids)
    assert all(whole.startswith(tokenizer.decode(ids[:count])) for count in range(len(ids)))


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@settings(deadline=None)
@given(texts=st.lists(st.text("ab, .\t"), max_size=5))
def test_text_that_ends_with_its_end_is_encoded_as_its_segments(
    kind: TokenizerKind, line_ends: LineEnds, texts: list[str]
) -> None:
    text = "".join(f"{line}\n" for line in texts) + "\n" * (line_ends == "paragraph")
    tokenizer = tokenizer_of_text(text, kind, line_ends)
    encoded = [*tokenizer.encode_segments(segments(split_lines(text)[:-1], line_ends))]
    assert tokenizer.encode(text) == [token_id for ids in encoded for token_id in ids.tolist()]


def test_an_end_in_the_text_is_a_token_and_the_end_of_the_text_is_none() -> None:
    tokenizer = tokenizer_of_text("a b", "pretokenized")
    assert tokens(tokenizer, tokenizer.encode("a\n\nb\n")) == ["a", END, END, "b", END]
    assert tokens(tokenizer, tokenizer.encode("a")) == ["a"]
    assert tokenizer.encode("") == []


def test_a_single_line_end_does_not_end_a_paragraph() -> None:
    tokenizer = tokenizer_of_text("a b", "word", "paragraph")
    assert tokens(tokenizer, tokenizer.encode("a\nb\n\na\n")) == ["a", "b", END, "a"]


@pytest.mark.parametrize("kind", ["pretokenized", "word", "subword"])
def test_a_space_at_the_end_changes_nothing(kind: TokenizerKind) -> None:
    tokenizer = tokenizer_of_text("It is a truth", kind)
    assert tokenizer.encode("It is a ") == tokenizer.encode("It is a")
    assert tokenizer.encode_prompt("It is a ") == tokenizer.encode_prompt("It is a") == tokenizer.encode("It is a")


def test_the_end_symbol_in_pretokenized_text_is_refused() -> None:
    tokenizer = tokenizer_of_text("a", "pretokenized")
    with pytest.raises(TextError, match="`<eos>` is reserved for line ends"):
        tokenizer.encode("a\t<eos> a")
    assert tokens(tokenizer, tokenizer.encode("a<eos>")) == [UNKNOWN]


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(TextError, match="surrogate pair at character 1"):
        tokenizer_of_text("a").encode("a\udcff")


@pytest.mark.parametrize(
    ("prompt", "last"),
    [
        ("said,", ", "),
        ("said, ", ", "),
        ("said.", "."),
        ("said. ", ". "),
        ('said "', ' "'),
        ("said!", "!"),
        ("said?", UNKNOWN),
    ],
)
def test_a_prompt_continues_after_punctuation_as_running_text_does(prompt: str, last: str) -> None:
    training = 'said, a, a,"\na. a\na.\na.\na "said\n!"'
    tokenizer = tokenizer_of_text(training)
    assert tokens(tokenizer, tokenizer.encode_prompt(prompt))[-1] == last


def test_a_prompt_may_end_with_a_line() -> None:
    tokenizer = tokenizer_of_text("so. so.")
    assert tokens(tokenizer, tokenizer.encode_prompt("so.\n")) == ["so", ".", END]
    assert tokenizer.encode_prompt("") == []


def test_unknown_is_written_as_a_word() -> None:
    tokenizer = tokenizer_of_text("a, b")
    assert tokenizer.decode(tokenizer.encode("a x b")) == "a <unk> b"


def test_an_id_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(TextError, match="token id must be between 0 and 2, but is -1"):
        tokenizer_of_text("a").decode([-1])


def test_a_token_is_shown_without_its_spaces_and_without_controls() -> None:
    text = 'He said "no\x1b[2Jx\u202e'
    tokenizer = tokenizer_of_text(text)
    shown = {tokenizer.display(token_id) for token_id in range(tokenizer.vocabulary_size)}
    assert shown == {"He", "said", '"', "no", "\\x1b", "[", "2Jx", "\\u202e", "<eos>", "<unk>"}


def test_a_space_is_shown_as_a_sign() -> None:
    tokenizer = tokenizer_of_text(" ", "character")
    assert tokenizer.display(tokenizer.vocabulary.id_of(" ")) == "␣"


def test_batches_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = tokenizer_of_text("a b c")
    lines = ["a b", "", "c c c", "b"]
    whole = np.concatenate(list(tokenizer.encode_segments(lines)))
    monkeypatch.setattr(tokenizer_module, "_MAX_IDS", 3)
    batches = list(tokenizer.encode_segments(lines))
    assert len(batches) > 1
    np.testing.assert_array_equal(np.concatenate(batches), whole)
    assert whole.dtype == np.int32
    assert whole.tolist().count(tokenizer.vocabulary.end_id) == len(lines)


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
def test_json_gives_back_the_tokenizer(kind: TokenizerKind, line_ends: LineEnds) -> None:
    tokenizer = tokenizer_of_text('a, "b"', kind, line_ends)
    again = Tokenizer.from_json(tokenizer.to_json(), kind=kind, line_ends=line_ends)
    assert again == tokenizer
    assert again.fingerprint == tokenizer.fingerprint


def test_fingerprints_differ_with_whatever_changes_ids() -> None:
    vocabulary = Vocabulary(("a", UNKNOWN, END))
    ways = [Tokenizer(kind, line_ends, vocabulary) for kind, line_ends in WAYS]
    ways.append(Tokenizer("word", "line", Vocabulary((UNKNOWN, "a", END))))
    assert len({tokenizer.fingerprint for tokenizer in ways}) == len(ways)


def test_json_of_another_kind_is_refused() -> None:
    written = tokenizer_of_text("a").to_json()
    with pytest.raises(TextError, match="must be that of a character tokenizer"):
        Tokenizer.from_json(written, kind="character", line_ends="line")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON"),
        ("[" * 100_000, "must be nested"),
        ("[1]", "must hold format, kind and tokens"),
        ('{"format": 1, "kind": "word", "tokens": [], "more": 1}', "and nothing else"),
        ('{"format": true, "kind": "word", "tokens": []}', "must be of format 1, but is of True"),
        ('{"format": 1, "kind": "word", "tokens": "<unk>"}', "must give `tokens` as a list"),
        ('{"format": 1, "kind": "word", "tokens": [1]}', "must give `tokens` as a list"),
        ('{"format": 1, "kind": "word", "tokens": ["<unk>"]}', "must hold `<eos>`"),
        ('{"format": 1, "kind": "word", "tokens": ["<unk>", "<eos>", "<eos>"]}', "must be distinct"),
    ],
)
def test_another_vocabulary_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(TextError, match=message):
        Tokenizer.from_json(text, kind="word", line_ends="line")


def test_a_vocabulary_file_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_module, "_MAX_BYTES", 4)
    with pytest.raises(TextError, match=r"`vocabulary\.json` must be at most 4 bytes long, but is 5"):
        Tokenizer.from_json("[123]", kind="word", line_ends="line")


def test_paragraphs_go_with_words_alone() -> None:
    with pytest.raises(TextError, match='must be "line" for the character tokenizer'):
        Tokenizer("character", "paragraph", Vocabulary((UNKNOWN, END)))


@pytest.mark.parametrize(
    ("kind", "unit"),
    [("pretokenized", "words"), ("word", "words"), ("subword", "subwords"), ("character", "characters")],
)
def test_it_is_shown_in_one_line(kind: TokenizerKind, unit: str) -> None:
    tokenizer = Tokenizer(kind, "line", Vocabulary((UNKNOWN, END, "a")))
    assert repr(tokenizer) == f"Tokenizer({kind!r}, 3 {unit}, <eos> ends a line)"
