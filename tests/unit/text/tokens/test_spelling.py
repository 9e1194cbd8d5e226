import json
import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.text.options import TokenizerKind
from nextword.text.tokens import spelling
from nextword.text.tokens.spelling import MAX_BYTES, SpellingModel, sample
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

words = st.text(st.sampled_from("abcdeé '"), min_size=1, max_size=8)
NUM_CHARACTERS = 0x110000 - 0x800


def reference(words: set[str], word: str) -> float:
    """Witten and Bell in ten lines, without a vocabulary; n-grams of three characters and more must occur twice."""
    texts = [f"\n{word}\n" for word in words]

    def probability(context: str, character: str) -> float:
        shorter = probability(context[1:], character) if context else 1 / (NUM_CHARACTERS + 1)
        after = [text[i] for text in texts for i in range(1, len(text)) if text[:i].endswith(context)]
        counts = {c: after.count(c) for c in set(after) if len(context) < 2 or after.count(c) > 1}
        backoff = len(set(after)) + len(after) - sum(counts.values())
        return (counts.get(character, 0) + backoff * shorter) / (len(after) + len(set(after))) if counts else shorter

    text = f"\n{word}\n"
    return sum(math.log(probability(text[max(0, i - 4) : i], text[i])) for i in range(1, len(text)))


@given(st.sets(words, min_size=1, max_size=8), words)
def test_equals_a_reference_in_ten_lines(counted: set[str], word: str) -> None:
    model = SpellingModel.fit(counted)
    share = math.log1p(-math.exp(reference(counted, "")))  # the empty spelling cannot occur
    assert model.log_prob(word) == pytest.approx(reference(counted, word) - share, abs=1e-9)


@given(st.sets(words, max_size=8), st.sets(words, max_size=4))
def test_spellings_of_up_to_three_characters_have_at_most_probability_1(counted: set[str], known: set[str]) -> None:
    model = SpellingModel.fit(counted, known)
    spellings = {"".join(characters) for length in (1, 2, 3) for characters in product("abcdeé '", repeat=length)}
    assert sum(math.exp(model.log_prob(word)) for word in spellings - known) <= 1 + 1e-9


@given(st.sets(words, max_size=8), st.text("abé\n", max_size=4).filter(lambda text: "\n" not in text))
def test_the_characters_after_a_context_have_probability_1(counted: set[str], context: str) -> None:
    model = SpellingModel.fit(counted)
    text = f"\n{context}"
    seen = set("".join(counted)) | {"\n"}
    of_seen = sum(model._probability((text + character)[-5:]) for character in seen)
    of_one_unseen = model._probability(f"{text}\U0001f600"[-5:])
    assert of_seen + (NUM_CHARACTERS + 1 - len(seen)) * of_one_unseen == pytest.approx(1, abs=1e-9)


def test_all_spellings_have_probability_1_in_the_limit() -> None:
    model = SpellingModel.fit(["aba", "abb", "bab", "aab", "bb", "a"], known=["ab"])
    shares = [0.0]
    for length in range(1, 13):
        of_length = {"".join(characters) for characters in product("ab", repeat=length)} - {"ab"}
        shares.append(shares[-1] + sum(math.exp(model.log_prob(word)) for word in of_length))
    escape = sum(math.exp(model.log_prob(word)) for word in ("\U0001f600", "c")) / 2 * (NUM_CHARACTERS - 2)
    assert shares == sorted(shares)
    assert 0.85 < shares[-1] < shares[-1] + escape < 1


def test_known_words_leave_their_share_to_the_others() -> None:
    counted = ["walked", "talked", "talking", "walking"]
    without, with_known = SpellingModel.fit(counted), SpellingModel.fit(counted, known=["walking", "talking"])
    share = sum(math.exp(without.log_prob(word) + without.log_unknown) for word in ("", "walking", "talking"))
    assert with_known.log_unknown == pytest.approx(math.log1p(-share))
    assert with_known.log_prob("walked") > without.log_prob("walked")


def test_a_word_like_the_others_is_more_probable_than_gibberish() -> None:
    model = SpellingModel.fit(["walked", "talked", "talking", "balked", "stalking"])
    assert model.log_prob("stalked") > model.log_prob("kgwldta") > model.log_prob("漢字漢字漢字漢")


def test_does_not_hold_a_word_that_occurs_once() -> None:
    model = SpellingModel.fit(["walked", "talked", "s3cr3tPa55"])
    held = {context + character for context, found in model.followers.items() for character in found.counts}
    assert not any(ngram in "s3cr3tPa55" for ngram in held if len(ngram) > 2)
    assert "lked" in held


def test_is_the_same_for_all_orders_of_many_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "MAX_WORDS", 50)
    many = [f"w{number}x" for number in range(200)]
    assert sample(many) == sample(reversed(many))
    assert len(sample(many)) == 50


def test_fits_into_its_file_by_leaving_out_rare_ngrams(monkeypatch: pytest.MonkeyPatch) -> None:
    many = {"".join(characters) for characters in product("abcdefgh", repeat=3)}
    monkeypatch.setattr(spelling, "MAX_BYTES", 1000)
    model = SpellingModel.fit(many)
    assert len(model.to_json()) <= 1000
    assert math.isfinite(model.log_prob("abc"))


@given(st.sets(words, max_size=8), words)
def test_survives_its_file(counted: set[str], word: str) -> None:
    model = SpellingModel.fit(counted, known=["a"])
    read = SpellingModel.from_json(model.to_json())
    assert read.followers == model.followers
    assert read.log_prob(word) == model.log_prob(word)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"format": 2}, "must be of format 1, but is of 2"),
        ({"log_unknown": 0.5}, "`log_unknown` from -100 to 0"),
        ({"log_unknown": True}, "`log_unknown` from -100 to 0"),
        ({"more": 1}, "must hold format, log_unknown and followers"),
        ({"followers": []}, "`followers` as an object"),
        ({"followers": {"a": ["bc", [1], 1]}}, "characters and their counts for 'a'"),
        ({"followers": {"a": ["bb", [1, 1], 1]}}, "characters and their counts"),
        ({"followers": {"a": ["b", [0], 1]}}, "characters and their counts"),
        ({"followers": {"a": ["b", [True], 1]}}, "characters and their counts"),
        ({"followers": {"a": ["b", [2**31], 1]}}, "characters and their counts"),
        ({"followers": {"a": ["", [], 1]}}, "characters and their counts"),
        ({"followers": {"abcde": ["b", [1], 1]}}, "characters and their counts"),
        ({"followers": {"a": ["b", [1], 0]}}, "characters and their counts"),
        ({"followers": {"a": ["b", [1]]}}, "characters and their counts"),
        ({"followers": {"a": {"b": 1}}}, "characters and their counts"),
    ],
)
def test_refuses_a_file_that_it_has_not_written(change: dict[str, object], fault: str) -> None:
    content = {"format": 1, "log_unknown": -0.1, "followers": {"": ["ab\n", [1, 2, 3], 3]}}
    SpellingModel.from_json(json.dumps(content).encode())
    with pytest.raises(TextError, match=fault):
        SpellingModel.from_json(json.dumps(content | change).encode())


def test_refuses_a_file_that_is_too_large() -> None:
    with pytest.raises(TextError, match="must be at most 300000 bytes"):
        SpellingModel.from_json(b" " * (MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("kind", "text", "spelled"),
    [
        ("word", "He said, no€", [False, False, False, True, True]),
        ("pretokenized", "said <unk> no", [False, False, True]),
        ("character", "sax", [False, False, True]),
        ("subword", "said 漢字", [False, False, False, False, True]),
    ],
)
def test_a_tokenizer_spells_what_its_vocabulary_lacks(kind: TokenizerKind, text: str, spelled: list[bool]) -> None:
    tokens = {
        "word": ("He", "said", ", "),
        "pretokenized": ("said",),
        "character": ("s", "a"),
        "subword": tuple("said "),
    }
    tokenizer = Tokenizer(kind, "line", Vocabulary(("<eos>", "<unk>", *tokens[kind])))
    assert [cost < 0 for cost in tokenizer.spelling_log_probs(tokenizer.cut(text))] == spelled


def test_a_tokenizer_without_a_spelling_model_makes_one_of_its_vocabulary() -> None:
    tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "walked", "talked", "talking")))
    assert tokenizer.speller.log_prob("walking") > tokenizer.speller.log_prob("zzzzzzz")
