"""Suggestions of a session depend only on the text, and nothing is read twice."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nextword.engine.text_model import TextModel
from nextword.errors import SettingError, TextError
from nextword.inference.suggestion.reader import TextReader
from nextword.inference.suggestion.session import SuggestionSession
from nextword.inference.suggestion.suggestion import SessionOptions, Suggestion, suggest
from nextword.inference.suggestion.user_words import UserWords
from nextword.text.options import TokenizerKind
from nextword.text.tokens.pre_tokens import is_opened
from nextword.text.tokens.tokenizer import Tokenizer
from support.typing_engines import FixedEngine, context_of, make_tokenizer, toy_engine

WORDS = ["The", "the", "then", "They", "Tom", "said", "don't", ", ", ",", ' "', '" ', '"', ". ", ".", "an", "on"]
CHARACTERS = "TheysadontmO ,.\"'"
SUBWORDS = [*CHARACTERS, "The", " the", "ey", " say", " sa", "id", " an", "on", " Tom", "t't", ' "', ".'"]
FRAGMENTS = ["t", "Th", "the ", "The", "TOM ", "Zoë", "Zo", "zola ", ", ", " ", '"', "'", ". ", "\n", "don't", "said "]
edits = st.lists(
    st.sampled_from(FRAGMENTS)
    | st.integers(1, 9).map(lambda number: ("backspace", number))
    | st.integers(0, 4).map(lambda place: ("accept", place)),
    max_size=9,
)


def tokenizer_of(kind: TokenizerKind) -> Tokenizer:
    words = {"character": list(CHARACTERS), "subword": SUBWORDS}.get(kind, WORDS)
    bare = words if kind in ("word", "subword") else [*dict.fromkeys(map(_bare, words))]
    return make_tokenizer(bare, kind)


def _bare(word: str) -> str:
    return word.strip(" ") or " "


@pytest.fixture
def session() -> SuggestionSession:
    """A session of a model of words."""
    tokenizer = tokenizer_of("word")
    return SuggestionSession(TextModel(toy_engine(tokenizer.vocabulary), tokenizer))


def edit(session: SuggestionSession, change: Any) -> None:
    if isinstance(change, str):
        session.type(change)
    elif change[0] == "backspace":
        session.backspace(min(change[1], len(session.text)))
    elif suggestions := session.suggestions(5):
        session.accept(suggestions[change[1] % len(suggestions)])


def texts(suggestions: list[Suggestion]) -> list[str]:
    return [suggestion.text for suggestion in suggestions]


@pytest.mark.parametrize("kind", ["word", "pretokenized", "subword", "character"])
@given(changes=edits, history=st.sampled_from([1, 2, 5, 256]))
def test_suggestions_depend_only_on_the_text(kind: TokenizerKind, changes: list[Any], history: int) -> None:
    tokenizer = tokenizer_of(kind)
    options = SessionOptions(history=history, beam_width=3, beam_length=4, user_word_memory=2)
    session = SuggestionSession(TextModel(toy_engine(tokenizer.vocabulary), tokenizer), options=options)
    for change in changes:
        edit(session, change)
        fresh = SuggestionSession(TextModel(toy_engine(tokenizer.vocabulary), tokenizer), options=options)
        fresh.type(session.text)
        assert session.suggestions(4) == fresh.suggestions(4)
        assert session.prefix == fresh.prefix
        assert list(session.user_words) == list(fresh.user_words)


@pytest.mark.parametrize("kind", ["word", "pretokenized"])
@settings(max_examples=40)
@given(changes=edits)
def test_nothing_is_read_twice(kind: TokenizerKind, changes: list[Any]) -> None:
    tokenizer = tokenizer_of(kind)
    engine = toy_engine(tokenizer.vocabulary)
    session = SuggestionSession(TextModel(engine, tokenizer))
    read: set[tuple[int, ...]] = set()
    for change in ["", *changes]:
        edit(session, change)
        session.suggestions(4)
        context = context_of(tokenizer, session.text)
        read |= {tuple(context[:length]) for length in range(len(context) + 1)}
    assert engine.num_read == len(read)


def test_only_the_latest_states_are_kept() -> None:
    tokenizer = tokenizer_of("word")
    engine = toy_engine(tokenizer.vocabulary)
    session = SuggestionSession(TextModel(engine, tokenizer), options=SessionOptions(history=3))
    session.type("the an on the an on ")
    session.suggestions()
    assert engine.num_read == 7
    session.backspace(6)
    session.suggestions()
    assert engine.num_read == 7
    session.backspace(7)
    session.suggestions()
    assert engine.num_read == 7 + 3


def test_subwords_complete_words_that_are_not_tokens() -> None:
    tokenizer = make_tokenizer([" ", "a", "s", "i", "d", " sa", "id", ",", "."], "subword")
    weights = dict.fromkeys(tokenizer.vocabulary.tokens, 1.0) | {" sa": 8, "id": 8}
    session = SuggestionSession(TextModel(FixedEngine(tokenizer.vocabulary, [*weights.values()]), tokenizer))
    assert session.suggestions(1)[0].text == "Id"  # a sentence begins
    session.type("a ")
    assert [found.text for found in session.suggestions(2)] == ["sa", "said"]
    session.type("sai")
    assert session.suggestions(1)[0].text == "said"
    session.accept("said")
    assert session.text == "a said "
    session.type(",")
    session.accept("said")
    assert session.text == "a said , said "


def test_a_character_is_read_once() -> None:
    tokenizer = tokenizer_of("character")
    engine = toy_engine(tokenizer.vocabulary)
    session = SuggestionSession(TextModel(engine, tokenizer), options=SessionOptions(beam_width=2, beam_length=1))
    for key in "an ant":
        session.type(key)
        session.suggestions(9)
    # `<eos>` and each key; the beam takes one more step with two partial words.
    assert engine.num_read == 7 + 2 * 6


@settings(max_examples=40)
@given(text=st.lists(st.sampled_from(FRAGMENTS[:7] + FRAGMENTS[8:]), max_size=6).map("".join), k=st.integers(1, 20))
def test_next_words_are_those_of_suggest(text: str, k: int) -> None:
    assume(not is_opened(text.rstrip()))  # a space that is typed after an opening quote makes it another token
    tokenizer = tokenizer_of("word")
    engine = toy_engine(tokenizer.vocabulary)
    session = SuggestionSession(TextModel(engine, tokenizer), options=SessionOptions(learn=False))
    session.type(text + " ")
    assert session.suggestions(k) == suggest(TextModel(engine, tokenizer), text + " ", k)


@settings(max_examples=40)
@given(changes=edits)
def test_probabilities_sum_to_at_most_one_and_no_unknown_word_is_suggested(changes: list[Any]) -> None:
    tokenizer = make_tokenizer([*WORDS, "\x1b[2J", "then\u200b"])
    session = SuggestionSession(TextModel(toy_engine(tokenizer.vocabulary), tokenizer))
    for change in changes:
        edit(session, change)
        suggestions = session.suggestions(100)
        assert sum(suggestion.probability for suggestion in suggestions) <= 1 + 1e-9
        assert all(suggestion.probability > 0 for suggestion in suggestions)
        assert sorted(suggestions, key=lambda each: -each.probability) == suggestions
        assert len(set(texts(suggestions))) == len(suggestions)
        for text in texts(suggestions):
            assert text.isprintable()
            assert text.lower() not in ("<unk>", "<eos>", "")
            assert text.casefold().startswith(session.prefix.casefold())


def test_a_user_word_is_suggested_after_it_was_typed(session: SuggestionSession) -> None:
    session.type("Zo")
    assert session.suggestions() == []
    session.type("ë said zo")
    assert texts(session.suggestions()) == ["Zoë"]
    session.backspace(len(" said zo"))
    assert session.suggestions() == []


def test_a_user_word_is_predicted_in_its_context(session: SuggestionSession) -> None:

    def probability(text: str) -> float:
        session.replace(text)
        return next((each.probability for each in session.suggestions(50) if each.text == "Zoë"), 0.0)

    assert probability("the Zoë then") == 0
    assert probability("the ") == 0
    in_context, elsewhere = probability("the Zoë\nthe "), probability("the Zoë\nthe said ")
    assert in_context > 5 * elsewhere > 0
    # Two uses count more than one.
    assert probability("the Zoë\nthe Zoë\nthe ") > in_context


def test_a_context_is_known_in_later_texts(session: SuggestionSession) -> None:
    session.type("the Zoë an")
    session.finish()

    def probability(text: str) -> float:
        session.replace(text)
        return next(each.probability for each in session.suggestions(50) if each.text == "Zoë")

    in_context, elsewhere = probability("the "), probability("then ")
    assert in_context > 5 * elsewhere > 0
    session.forget("Zoë")
    session.replace("the ")
    assert "Zoë" not in texts(session.suggestions(50))


def test_words_are_learned_with_an_engine_without_hidden_states() -> None:
    tokenizer = tokenizer_of("word")
    session = SuggestionSession(TextModel(toy_engine(tokenizer.vocabulary, gives_hidden=False), tokenizer))
    session.type("the Zoë zo")
    assert texts(session.suggestions()) == ["Zoë"]


def test_words_are_kept_for_the_next_text(tmp_path: Path) -> None:
    tokenizer = tokenizer_of("word")
    engine = toy_engine(tokenizer.vocabulary)
    session = SuggestionSession(TextModel(engine, tokenizer))
    session.type("Zoë Zoë, Zola Tolu")
    session.finish()
    assert session.text == ""
    assert {word: session.user_words.count_of(word) for word in session.user_words} == {"Zoë": 2, "Zola": 1}
    session.user_words.save(tmp_path / "words.json")
    another = SuggestionSession(TextModel(engine, tokenizer), user_words=UserWords.load(tmp_path / "words.json"))
    another.type("zo")
    assert texts(another.suggestions()) == ["Zoë", "Zola"]
    another.forget("Zoë")
    assert (another.text, texts(another.suggestions())) == ("zo", ["Zola"])
    another.replace("Zoë zo")
    assert texts(another.suggestions()) == ["Zola"]
    another.learn("Zoë")
    assert texts(another.suggestions()) == ["Zoë", "Zola"]


@pytest.mark.parametrize("kind", ["word", "pretokenized", "subword", "character"])
def test_a_forgotten_word_of_the_vocabulary_is_not_suggested_in_any_case(kind: TokenizerKind) -> None:
    tokenizer = tokenizer_of(kind)
    session = SuggestionSession(TextModel(toy_engine(tokenizer.vocabulary), tokenizer))
    for text in ("", "the ", "the t", "T"):
        session.replace(text)
        before = texts(session.suggestions(50))
        session.forget(before[0].upper())
        after = texts(session.suggestions(50))
        assert before[0] not in after
        session.learn(before[0])
        assert texts(session.suggestions(50)) == before
        assert not list(session.user_words)


def test_the_users_object_is_not_changed() -> None:
    tokenizer = tokenizer_of("word")
    words = UserWords()
    session = SuggestionSession(TextModel(toy_engine(tokenizer.vocabulary), tokenizer), user_words=words)
    session.type("Zoë said ")
    session.finish()
    session.learn("Tolu")
    assert list(words) == []


def test_learning_is_optional() -> None:
    tokenizer = tokenizer_of("word")
    words = UserWords()
    words.learn("Zora")
    session = SuggestionSession(
        TextModel(toy_engine(tokenizer.vocabulary), tokenizer), user_words=words, options=SessionOptions(learn=False)
    )
    session.type("Zoë said zo")
    assert texts(session.suggestions()) == ["Zora"]


def test_with_a_lower_cased_vocabulary_sentences_begin_with_a_capital() -> None:
    tokenizer = make_tokenizer(["the", "it", ". ", "n't"])
    engine = FixedEngine(tokenizer.vocabulary, [1, 1, 5, 4, 3, 2])
    session = SuggestionSession(TextModel(engine, tokenizer))
    shown = {}
    for text in ("", "it ", "The it. ", 'The it. "', "it\n", "t", "T", "TH", "it. t"):
        session.replace(text)
        shown[text] = texts(session.suggestions(4))
    assert shown == {
        "": ["The", "It", ".", "N't"],
        "it ": ["the", "it", ".", "n't"],
        "The it. ": ["The", "It", ".", "N't"],
        'The it. "': ["The", "It", ".", "N't"],
        "it\n": ["The", "It", ".", "N't"],
        "t": ["the"],
        "T": ["The"],
        "TH": ["THE"],
        "it. t": ["the"],
    }
    assert engine.read.count(tokenizer.vocabulary.id_of("the")) == 1
    plain = SuggestionSession(TextModel(engine, tokenizer), options=SessionOptions(restore_case=False))
    assert texts(plain.suggestions(2)) == ["the", "it"]


@pytest.mark.parametrize(
    ("text", "accept", "becomes"),
    [
        ("", "The", "The "),
        ("said th", "they", "said they "),
        ("said, Th", "Then", "said, Then "),
        ("said ", ",", "said, "),
        ("said,", "then", "said, then "),
        ('said, "', "then", 'said, "then '),
        ('said "', "then", 'said "then '),
        ("said (", "then", "said (then "),
        ("said ", '"', 'said "'),
        ("said", ",", "said, "),
        ("said\n", "Tom", "said\nTom "),
    ],
)
def test_accepting_adds_the_right_spaces(text: str, accept: str, becomes: str) -> None:
    tokenizer = tokenizer_of("word")
    weights = [3.0 if word == ", " else 2.0 if word == ' "' else 1.0 for word in tokenizer.vocabulary.tokens]
    session = SuggestionSession(TextModel(FixedEngine(tokenizer.vocabulary, weights), tokenizer))
    session.type(text)
    session.accept(Suggestion(accept, 0.5))
    assert session.text == becomes


def test_accepting_in_a_pretokenized_text_separates_tokens() -> None:
    tokenizer = make_tokenizer("the they ,", "pretokenized")
    session = SuggestionSession(TextModel(FixedEngine(tokenizer.vocabulary, [1] * 5), tokenizer))
    session.type("the th")
    session.accept("they")
    session.accept(",")
    assert session.text == "the they , "


def test_many_words_are_learned_and_forgotten_at_once(
    session: SuggestionSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.type("the then ")
    inserted: list[str] = []
    insert = TextReader.insert

    def count(reader: TextReader, text: str) -> None:
        inserted.append(text)
        insert(reader, text)

    monkeypatch.setattr(TextReader, "insert", count)
    words = [f"word{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(200)]
    session.change_words(learn=words, forget=words[:100])
    assert inserted == ["the then "], "the text is processed once"
    assert list(session.user_words) == words[100:]
    with pytest.raises(SettingError, match="user word"):
        session.change_words(learn=["fine", "1815"], forget=words)
    assert list(session.user_words) == words[100:]


def test_a_number_may_be_allowed_whether_it_is_forgotten_or_not() -> None:
    """The page may allow it before the service knows that it was forgotten."""
    tokenizer = make_tokenizer([*WORDS, "1812"], "word")
    session = SuggestionSession(TextModel(toy_engine(tokenizer.vocabulary), tokenizer))
    session.change_words(learn=["1812"])
    assert list(session.user_words) == []


def test_refused_input_changes_nothing() -> None:
    tokenizer = tokenizer_of("pretokenized")
    session = SuggestionSession(TextModel(toy_engine(tokenizer.vocabulary), tokenizer))
    session.type("the th")
    before = session.suggestions()
    for text in ("the <eos> th", "\ud800"):
        with pytest.raises(TextError):
            session.replace(text)
        assert (session.text, session.suggestions()) == ("the th", before)
    with pytest.raises(SettingError, match="`k` must be at least 1"):
        session.suggestions(0)
    with pytest.raises(SettingError, match="between 0 and 6"):
        session.backspace(7)


@pytest.mark.parametrize("kind", ["word", "subword"])
@pytest.mark.parametrize(("own", "typed"), [("\u2019", "'"), ("'", "\u2019")])
def test_apostrophes_of_both_forms_are_one(kind: TokenizerKind, own: str, typed: str) -> None:
    words = [f"don{own}t", "done", "Tom", "I", ", "]
    words = words if kind == "word" else [*"donteTI", own, " don", f"{own}t", " I", "Tom"]
    tokenizer = make_tokenizer(words, kind)
    model = TextModel(toy_engine(tokenizer.vocabulary), tokenizer)
    sessions = [SuggestionSession(model) for _ in range(2)]
    for session, apostrophe in zip(sessions, (own, typed), strict=True):
        session.type(f"I don{apostrophe}")
    own_form, typed_form = (session.suggestions(3) for session in sessions)
    assert [each.text.replace(own, typed) for each in own_form] == [each.text for each in typed_form]
    assert f"don{typed}t" in texts(typed_form)
    assert [each.probability for each in own_form] == pytest.approx([each.probability for each in typed_form])
    for session, apostrophe in zip(sessions, (own, typed), strict=True):
        session.replace(f"I don{apostrophe}t ")
    assert sessions[0].suggestions(3) == sessions[1].suggestions(3)
    assert not list(sessions[1].user_words)
