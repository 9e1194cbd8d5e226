"""Counted keys are those of a person who types into a session and accepts the right suggestions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nextword
from nextword.engine.text_model import TextModel
from nextword.errors import EvaluationError, SettingError
from nextword.inference.evaluation.keystrokes import (
    SLOTS,
    Keystrokes,
    KeystrokeTally,
    SlotSavings,
    completion_rate,
    evaluate_keystrokes,
)
from nextword.inference.evaluation.ranked_pieces import PieceRanks, TypedPiece, typed_pieces
from nextword.inference.suggestion.session import SuggestionSession
from nextword.inference.suggestion.suggestion import SessionOptions
from nextword.inference.suggestion.user_words import UserWords
from nextword.text.options import TokenizerKind
from nextword.text.tokens.pre_tokens import is_mark
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.toy_engine import ToyEngine

WORDS = ["The", "the", "then", "They", "Tom", "said", "don't", ", ", ",", ' "', '" ', '"', ". ", ".", "an", "well", "-"]
TYPED = [
    *("The", "the", "then", "Tom", "said", "said,", "Zola", "Zola."),
    *('the."', '"the', "an", "well-then", "-", ",", '"'),
]
lines_of_text = st.lists(st.lists(st.sampled_from(TYPED), max_size=7).map(" ".join), min_size=1, max_size=3).filter(
    lambda lines: any(letter.isalpha() for line in lines for letter in line)
)


def toy_model(kind: TokenizerKind, seed: int, words: list[str] = WORDS) -> TextModel:
    tokens = dict.fromkeys(words if kind == "word" else [word.strip() for word in words])
    tokenizer = Tokenizer(kind, "line", Vocabulary(("<eos>", "<unk>", *tokens)))
    return TextModel(ToyEngine(len(tokenizer.vocabulary), 0, seed=seed), tokenizer)


class Person:
    """Types pieces into a session, and accepts the right suggestion as soon as it is shown.

    Attributes:
        keys: Keys pressed.
        saved: Keys saved before the first letter, and after a letter.
    """

    def __init__(self, session: SuggestionSession, tokenizer: Tokenizer, num_slots: int) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._num_slots = num_slots
        self._text = ""
        self.keys = 0
        self.saved = [0, 0]

    def type(self, piece: TypedPiece) -> None:
        if piece.space_before:
            self._press(" ")
        begin, whole = self._text, self._text + piece.text
        for num_typed, letter in enumerate(piece.text):
            if self._accepts(piece, begin, whole):
                self.keys += 1
                self.saved[num_typed > 0] += len(piece.text) - num_typed + piece.space_after - 1
                self._text = whole
                return
            self._press(letter)

    def end(self, piece: TypedPiece) -> None:
        self._press(piece.text)

    def _press(self, key: str) -> None:
        self._text += key
        if self._session.text == self._text:  # a suggestion has brought the space
            return
        self.keys += 1
        self._session.replace(self._text)  # without the space of a suggestion, if this is a mark

    def _accepts(self, piece: TypedPiece, begin: str, whole: str) -> bool:
        """Accept the suggestion that leads to the text, if there is one."""
        before, spaced = self._session.text, f"{whole} "
        for suggestion in self._session.suggestions(self._num_slots):
            self._session.accept(suggestion)
            is_running_mark = self._tokenizer.kind == "word" and is_mark(piece.text)
            if suggestion.text == piece.text and self._session.text == (
                f"{whole}{' ' if piece.space_after else ''}" if is_running_mark else spaced
            ):
                return True
            self._session.replace(before)
        return False


def typed_by_a_person(
    model: TextModel, lines: list[str], num_slots: int, options: SessionOptions
) -> tuple[int, list[int]]:
    person = Person(SuggestionSession(model, options=options), model.tokenizer, num_slots)
    for piece in typed_pieces(model.tokenizer, lines):
        person.end(piece) if piece.is_end else person.type(piece)
    return person.keys, person.saved


def keys_of(found: Keystrokes) -> list[tuple[int, list[int]]]:
    return [(each.num_keys, [each.num_saved_by_next_word, each.num_saved_by_completion]) for each in found.slots]


@pytest.mark.parametrize("kind", ["word", "pretokenized"])
@settings(max_examples=40)
@given(lines=lines_of_text, seed=st.integers(1, 30))
def test_keys_are_those_of_a_person(lines: list[str], seed: int, kind: TokenizerKind) -> None:
    model, options = toy_model(kind, seed), SessionOptions()
    found = evaluate_keystrokes(model, lines, options=options)
    for measured, learn in ((found.plain, False), (found.learned, True)):
        chosen = options.replace(learn=learn)
        assert keys_of(measured) == [typed_by_a_person(model, lines, number, chosen) for number in SLOTS]


@settings(max_examples=40)
@given(lines=lines_of_text, seed=st.integers(1, 30))
def test_laws(lines: list[str], seed: int) -> None:
    found = evaluate_keystrokes(toy_model("word", seed), lines)
    for measured in (found.plain, found.learned):
        savings = [measured.savings(number) for number in SLOTS]
        assert 0 <= savings[0] <= savings[1] <= savings[2] < 1
        for each in measured.slots:
            assert each.num_keys + each.num_saved == measured.num_keys
        rates = [measured.next_word_hit_rate(number) for number in (1, 3)]
        assert rates[0] is not None
        assert rates[1] is not None
        assert 0 <= rates[0] <= rates[1] <= 1
        assert 0 <= (measured.completion_hit_rate or 0) <= 1
    if "Zola" not in " ".join(lines):
        assert found.learned == found.plain


def test_a_real_model() -> None:
    model = nextword.load("austen")
    lines = [
        '"My dear Mr. Dashwood," said Zosia Kowalczyk to',
        'him, "have you heard?"',
        "",
        "Zosia Kowalczyk's sister.",
    ]
    found = evaluate_keystrokes(model, lines)
    assert keys_of(found.plain)[1] == typed_by_a_person(model, lines, 3, SessionOptions(learn=False))
    assert keys_of(found.learned)[1] == typed_by_a_person(model, lines, 3, SessionOptions())
    assert found.learned.savings(3) > found.plain.savings(3) > 0.25
    assert found.plain.num_out_of_vocabulary == 4
    assert found.plain.num_keys == len(f"{lines[0]} {lines[1]}") + 1 + len(lines[3]) + 1


def test_words_of_earlier_texts_are_known_from_the_beginning() -> None:
    words = UserWords()
    words.learn("Kowalczyk")
    found = evaluate_keystrokes(toy_model("pretokenized", 1), ["said Kowalczyk"], user_words=words)
    assert found.plain.savings(1) < found.learned.savings(1)


def test_words_that_were_forgotten_are_not_suggested() -> None:
    words = UserWords()
    words.forget("said")
    found = evaluate_keystrokes(toy_model("pretokenized", 1), ["said said said"], user_words=words)
    assert found.learned.savings(5) == 0 < found.plain.savings(5)


def test_suggestions_begin_sentences_with_a_capital_if_the_text_has_capitals() -> None:
    model = toy_model("pretokenized", 3, ["the", "then", "said", "."])
    lower, upper = (evaluate_keystrokes(model, [line]).plain for line in ("the .", "The ."))
    assert lower.next_word_hits == upper.next_word_hits
    assert lower.savings(5) == upper.savings(5)
    without = evaluate_keystrokes(model, ["The ."], options=SessionOptions(restore_case=False)).plain
    assert without.savings(5) < upper.savings(5)


def test_the_first_tokens_are_those_of_a_shorter_text() -> None:
    model, seen = toy_model("word", 2), []
    found = evaluate_keystrokes(
        model, ["the Tom", "said the"], max_tokens=3, on_progress=lambda done, total: seen.append((done, total))
    )
    assert found == evaluate_keystrokes(model, ["the Tom"])
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_text_without_words_is_refused() -> None:
    with pytest.raises(EvaluationError, match="at least one word"):
        evaluate_keystrokes(toy_model("word", 1), ["", "--"])
    with pytest.raises(SettingError, match="`max_tokens` must be at least 1, but is 0"):
        evaluate_keystrokes(toy_model("word", 1), ["the"], max_tokens=0)


def piece(
    text: str,
    *,
    is_word: bool = True,
    is_end: bool = False,
    space_before: bool = False,
    space_after: bool = False,
    follows_word: bool = False,
) -> TypedPiece:
    return TypedPiece(text, is_word, is_end, True, text, space_before, space_after, follows_word)


def ranks(next_word: int = 0, *, fits: bool = False, completions: tuple[int, ...] = ()) -> PieceRanks:
    return PieceRanks(next_word, fits, completions)


ANN = (piece("Ann"), ranks(completions=(2, 1)))
COMMA = (piece(",", is_word=False, space_after=True, follows_word=True), ranks(1, fits=True))
AN = (piece("an", space_before=True, space_after=True), ranks(4, fits=True, completions=(3,)))
ANT = (piece("ant", space_before=True), ranks(1, fits=True, completions=(0, 5)))
END = (piece("\n", is_word=False, is_end=True), ranks())


def tally(*pieces: tuple[TypedPiece, PieceRanks]) -> KeystrokeTally:
    counted = KeystrokeTally()
    for typed, ranked in pieces:
        counted.add(typed, ranked, is_known=typed.text != "ant")
    return counted


def test_every_figure_by_hand() -> None:
    found = tally(ANN, COMMA, AN, ANT, END).result()
    assert found.num_keys == len("Ann, an ant\n")
    one, three, five = found.slots
    # A, n, take `Ann `; take `, `; a, n, space; take `ant`; line end.
    assert one.num_keys == 2 + 1 + 1 + 3 + 1 + 1
    assert (one.num_saved_by_next_word, one.num_saved_by_completion) == (1 + 2, 0)
    # A, take `Ann `; take `, `; a, take `an `; take `ant`; line end.
    assert three.num_keys == 2 + 1 + 2 + 1 + 1
    assert (three.num_saved_by_next_word, three.num_saved_by_completion) == (1 + 2, 1 + 1)
    # A, take `Ann `; take `, `; take `an `; take `ant`; line end.
    assert five.num_keys == 2 + 1 + 1 + 1 + 1
    assert (five.num_saved_by_next_word, five.num_saved_by_completion) == (1 + 2 + 2, 1)
    assert [found.savings(number) for number in (1, 3, 5)] == pytest.approx([3 / 12, 5 / 12, 6 / 12])
    assert (found.num_words, found.num_out_of_vocabulary, found.num_keys_out_of_vocabulary) == (3, 1, 3)
    assert [found.next_word_hit_rate(number) for number in (1, 3)] == pytest.approx([1 / 3, 1 / 3])
    # `Ann` after A and An; `an` after a; `ant` never among three.
    assert found.completion_hit_rate == pytest.approx((1 + 1 + 0) / 3)


def test_a_mark_is_suggested_only_if_the_word_before_it_was_taken() -> None:
    typed = (piece("Ann"), ranks(completions=(0, 0)))
    for slots in tally(typed, COMMA, END).result().slots:
        assert slots.num_keys == len("Ann,\n")
        assert slots.num_saved_by_next_word == 0


def test_a_suggestion_that_would_bring_a_wrong_space_is_a_hit_but_is_not_taken() -> None:
    found = tally((piece("known"), ranks(1, fits=False, completions=(0, 0, 0, 2)))).result()
    assert found.next_word_hit_rate(1) == 1
    assert [slots.num_keys for slots in found.slots] == [5, 5, 5]
    assert [slots.num_saved for slots in found.slots] == [0, 0, 0]


def test_the_space_of_a_suggestion_is_replaced_by_a_mark_and_a_line_end() -> None:
    mark = (piece(",", is_word=False, follows_word=True), ranks())
    taken = (piece("Ann"), ranks(1, fits=True, completions=(0, 0)))
    assert [slots.num_keys for slots in tally(taken, mark, END).result().slots] == [3, 3, 3]
    assert [slots.num_keys for slots in tally(taken, END).result().slots] == [2, 2, 2]


def test_longer_prefixes_count_more() -> None:
    assert completion_rate([1]) == 1
    assert completion_rate([3, 0, 0]) == pytest.approx(1 / 6)
    assert completion_rate([0, 4, 3]) == pytest.approx(3 / 6)


# The same figures, as they are shown.

ANN_AN_ANT = tally(ANN, COMMA, AN, ANT, END).result()


def test_the_table_has_every_figure() -> None:
    table = ANN_AN_ANT.to_table()
    assert table.pop("slots")[1] == {
        "num_slots": 3,
        "num_keys": 7,
        "savings": pytest.approx(5 / 12),
        "savings_by_next_word": pytest.approx(3 / 12),
        "savings_by_completion": pytest.approx(2 / 12),
    }
    assert table == {
        "num_keys": 12,
        "num_words": 3,
        "num_out_of_vocabulary": 1,
        "num_keys_out_of_vocabulary": 3,
        "next_word_top_1": pytest.approx(1 / 3),
        "next_word_top_3": pytest.approx(1 / 3),
        "completion_top_3": pytest.approx(2 / 3),
    }


def test_a_result_is_shown_in_one_line() -> None:
    assert repr(ANN_AN_ANT) == "Keystrokes(25.00% saved by 1, 41.67% saved by 3, 50.00% saved by 5, 12 keys, 3 words)"


def test_figures_are_shown_in_percent() -> None:
    assert ANN_AN_ANT.figures() == {
        "keystrokes saved, 1 slot": "25.00%",
        "  by next word, 1 slot": "25.00%",
        "  by completion, 1 slot": "0.00%",
        "keystrokes saved, 3 slots": "41.67%",
        "  by next word, 3 slots": "25.00%",
        "  by completion, 3 slots": "16.67%",
        "keystrokes saved, 5 slots": "50.00%",
        "  by next word, 5 slots": "41.67%",
        "  by completion, 5 slots": "8.33%",
        "next word, top 1": "33.33%",
        "next word, top 3": "33.33%",
        "completion, top 3": "66.67%",
        "keys without suggestions": "12",
        "words": "3",
        "words not in vocabulary": "1",
    }


def test_a_text_without_words_has_no_rates() -> None:
    found = Keystrokes(0, 0, 0, 0, (SlotSavings(1, 0, 0, 0),), (0, 0), 0, 0.0)
    assert found.savings(1) == 0
    assert found.next_word_hit_rate(1) is None
    assert found.completion_hit_rate is None
    assert found.figures()["completion, top 3"] == ""
    with pytest.raises(KeyError):
        found.savings(2)
