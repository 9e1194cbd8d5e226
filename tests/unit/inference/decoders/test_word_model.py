import pytest

from nextword.errors import SettingError
from nextword.inference.decoders.word_model import KnownWords, WordModel
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.decoder_models import model_of, num_read, text_log_prob, tokenizer_of

LINES = {
    "pretokenized": ["a", "ab ba unheard a", "b <unk> b", ""],
    "word": ["a, b", "ab - a, b,", "a-b unheard, a", "- a", ""],
    "subword": ["a, b", "ab bab abba,", "ab axb x", ""],
    "character": ["a, b", "ab ba", "ab ba x", ""],
}


def chained(model: WordModel, line: str) -> float:
    context, total = model.start(), 0.0
    for word in line.split():
        log_prob, _, context = model.score(context, word)
        total += log_prob
    return total + model.score_end(context)


def test_word_scores_and_the_end_sum_to_the_line(each_tokenizer: Tokenizer) -> None:
    model = WordModel(model_of(each_tokenizer))
    for line in LINES[each_tokenizer.kind]:
        assert chained(model, line) == pytest.approx(text_log_prob(each_tokenizer, line), abs=1e-5)


def test_a_shared_beginning_is_read_once() -> None:
    text_model = model_of("pretokenized")
    model = WordModel(text_model)
    for last in ("a", "b", "ab", "ba", "unheard"):
        context = model.start()
        for word in ("a", "ab", last):
            _, _, context = model.score(context, word)
    assert num_read(text_model) == 3  # <eos>, a, ab


def test_an_evicted_context_is_read_again() -> None:
    tokenizer = tokenizer_of("pretokenized")
    model = WordModel(model_of(tokenizer), history=1)
    for line in ("a b ab", "a b ba", "a b ab"):
        assert chained(model, line) == pytest.approx(text_log_prob(tokenizer, line), abs=1e-5)


def test_the_unknown_word_is_one_token_in_running_text() -> None:
    for kind in ("word", "pretokenized"):
        tokenizer = tokenizer_of(kind)
        model = WordModel(model_of(tokenizer))
        named, unheard = (model.score(model.start(), word) for word in ("<unk>", "unheard"))
        spelling = tokenizer.speller.log_prob("unheard")
        assert named.log_prob == pytest.approx(unheard.log_prob - spelling)  # `<unk>` has no spelling
        assert not named.is_known
        assert model.score_end(named.after) == model.score_end(unheard.after)


def test_without_bos_a_line_is_a_fragment() -> None:
    model = WordModel(model_of("pretokenized"))
    assert model.score(model.start(bos=False), "a").log_prob != model.score(model.start(), "a").log_prob


def test_a_history_below_one_is_refused() -> None:
    with pytest.raises(SettingError, match="`history` must be at least 1, but is 0"):
        WordModel(model_of("pretokenized"), history=0)


@pytest.mark.parametrize(
    ("kind", "known", "unknown"),
    [
        ("pretokenized", ["", "a", "ab", "ba"], ["x", "aba", "bb", "<eos>"]),
        ("word", ["", "a", "ab,", "a-b", "-", "b,-ab"], ["x", "x,", "a-x", "aba"]),
        ("subword", ["", "aaab", "b,"], ["abx"]),
        ("character", ["", "aaab", "b,"], ["abx"]),
    ],
)
def test_begins_word_matches_the_known_words(kind: str, known: list[str], unknown: list[str]) -> None:
    words = KnownWords(tokenizer_of(kind))
    assert [partial for partial in (*known, *unknown) if words.begins_word(partial)] == known


def test_a_word_can_begin_with_an_unfinished_apostrophe() -> None:
    words = KnownWords(Tokenizer("word", "line", Vocabulary(("don't", "<eos>", "<unk>"))))
    assert words.begins_word("don'")
    assert not words.begins_word("won'")


def test_given_words_are_the_only_known_words() -> None:
    words = KnownWords(tokenizer_of("word"), ["abba"])
    assert [words.begins_word(partial) for partial in ("", "ab", "abba", "a,", "ba")] == [
        True,
        True,
        True,
        False,
        False,
    ]
