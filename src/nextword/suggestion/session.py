"""Suggestions while a text is typed, as a keyboard needs them."""

import os
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nextword.engine.text_model import TextModel
from nextword.errors import TextError
from nextword.settings import require_at_least
from nextword.suggestion.letter_case import begins_sentence, capitalized, in_case_of
from nextword.suggestion.lexicon import lexicon_of, variants_of
from nextword.suggestion.reader import TextReader
from nextword.suggestion.session_options import SessionOptions
from nextword.suggestion.spelling import SPELLED, Beam, WordParts, spell
from nextword.suggestion.suggestion import Suggestion
from nextword.suggestion.typed_text import TypedText
from nextword.suggestion.user_words import UserWords
from nextword.suggestion.word_cache import WordUse
from nextword.suggestion.word_candidates import Candidates, WordCandidates
from nextword.text.pieces import is_mark
from nextword.text.tokenizer import Tokenizer

DEFAULT_OPTIONS = SessionOptions()

_BRACKETS = frozenset("([{\u00ab")
_QUOTES = frozenset("\"'\u2018\u201c")


class SuggestionSession:
    r"""A text being typed, and what may come next after every key.

    After a space, and at the beginning, that is the next word; while a word is typed, words that begin so. What is
    suggested follows from the text and the user words alone, never from the way the text was typed; a token is read by
    the engine once, when suggestions are first asked for after it, and going back reads nothing.

    Probabilities: of a next word, that it comes next; of a completion, that it is the word being typed, given that one
    of the words that begin so is. Neither `<unk>` nor `<eos>` nor anything that is not printable is suggested.

    Args:
        model: The model at work.
        user_words: Words of the person's own from before; the session does not change them.
        options: How suggestions are made.
    """

    def __init__(
        self,
        model: TextModel,
        *,
        user_words: UserWords | None = None,
        options: SessionOptions = DEFAULT_OPTIONS,
    ) -> None:
        tokenizer = self._tokenizer = model.tokenizer
        self._model = model
        self._options = options
        self._lexicon = lexicon_of(tokenizer.vocabulary)
        self._word_parts = WordParts(tokenizer.vocabulary, tokenizer.kind) if tokenizer.kind in SPELLED else None
        self._words = UserWords() if user_words is None else user_words.copy()
        self._uses: list[WordUse] = []
        self._reader = self._new_reader()
        self._candidates: tuple[object, WordCandidates] | None = None

    @property
    def text(self) -> str:
        """The text so far."""
        return self._reader.typed.text

    @property
    def prefix(self) -> str:
        """The word being typed, as far as it is; empty if the next one is expected."""
        return self._reader.typed.prefix

    @property
    def user_words(self) -> UserWords:
        """The person's own words: those from before, and those of the text, to be saved."""
        return self._reader.learned()

    def type(self, typed: str) -> None:
        """Add to the end of the text.

        Raises:
            TextError: The tokenizer refuses the text; it stays as it was.
        """
        self._reader.insert(typed)

    def backspace(self, num_characters: int = 1) -> None:
        """Take characters from the end of the text.

        Raises:
            SettingError: The text has fewer.
        """
        self._reader.remove(num_characters)

    def replace(self, text: str) -> None:
        """Make the text another one, by taking back what differs at its end and typing the rest.

        Raises:
            TextError: The tokenizer refuses the text; it stays as it was.
        """
        same = len(os.path.commonprefix((self.text, text)))  # noqa: RUF071 - characters are what is compared
        taken_back = self.text[same:]
        self.backspace(len(taken_back))
        try:
            self.type(text[same:])
        except TextError:
            self.type(taken_back)
            raise

    def accept(self, suggestion: Suggestion | str) -> None:
        """Put a suggestion in place of the word being typed, with a space after it, or those that a mark asks for."""
        word = suggestion if isinstance(suggestion, str) else suggestion.text
        prediction = self._reader.read()
        self.replace(_accepted(self._reader.typed, self._tokenizer, word, prediction.log_probs))

    def suggestions(self, k: int = 5) -> list[Suggestion]:
        """Return the `k` most probable words, the most probable first; fewer if there are no more.

        Raises:
            SettingError: `k` is below 1.
        """
        require_at_least("k", k, 1)
        candidates = self._of_vocabulary(k) if self._word_parts is None else self._spelled(k, self._word_parts)
        return [Suggestion(word, probability) for word, probability in candidates]

    def learn(self, word: str) -> None:
        """Add a word to the person's own.

        Raises:
            SettingError: It is not a word.
        """
        words = self._words.copy()
        words.learn(word)
        self._restart(words, self.text)

    def forget(self, word: str) -> None:
        """Never suggest a word outside the vocabulary again, though it may be in the text."""
        words = self._words.copy()
        words.forget(word)
        self._restart(words, self.text)

    def finish(self) -> None:
        """Keep the words of the text, and as long as the session lasts their contexts too, and begin a new text."""
        self._uses = [*self._uses, *self._reader.uses()][-self._options.user_word_memory :]
        self._restart(self.user_words, "")

    def _restart(self, words: UserWords, text: str) -> None:
        self._words = words
        self._reader = self._new_reader()
        self._reader.insert(text)
        self._candidates = None

    def _new_reader(self) -> TextReader:
        return TextReader(
            self._model,
            lower_case=self._lexicon.is_lower_cased,
            words=self._words,
            uses=self._uses,
            options=self._options,
        )

    def _of_vocabulary(self, k: int) -> Candidates:
        candidates = self._word_candidates()
        if self.prefix:
            return candidates.completions(self.prefix, k)
        return candidates.sentence_beginnings(k) if self._wants_capital() else candidates.next_words(k)

    def _word_candidates(self) -> WordCandidates:
        """Return what may follow the words typed to their end, the same as long as these are the same."""
        prediction = self._reader.read()
        mark = (self._reader.here, self._reader.cache.version)
        if self._candidates is None or self._candidates[0] != mark:
            self._candidates = mark, WordCandidates(prediction, self._lexicon, self._reader.cache, self._options)
        return self._candidates[1]

    def _spelled(self, k: int, word_parts: WordParts) -> Candidates:
        """Return words spelled out of characters or subwords; characters that are typed are read already."""
        prediction, prefix = self._reader.read(), self.prefix
        beam = Beam(self._options.beam_width, self._options.beam_length)
        typed = (prefix, "") if self._tokenizer.kind == "character" else ("", self._unread())
        words = spell(self._model.engine, (prediction.log_probs, prediction.state), word_parts, typed, k, beam)
        if not self._options.restore_case:
            return words
        if prefix:
            return _added_up((in_case_of(prefix, word), probability) for word, probability in words)
        return _added_up((capitalized(word), value) for word, value in words) if self._wants_capital() else words

    def _unread(self) -> str:
        """Return what is typed of the next word and not read, with the space that it needs, if that is not typed."""
        typed = self._reader.typed
        unread = f" {typed.unread}" if _needs_space(typed, self._tokenizer) else typed.unread
        return unread.lower() if self._lexicon.is_lower_cased else unread

    def _wants_capital(self) -> bool:
        if not (self._options.restore_case and self._lexicon.is_lower_cased):
            return False
        return begins_sentence(piece.text for piece in self._reader.typed.backwards())


def _added_up(candidates: Iterable[tuple[str, float]]) -> Candidates:
    """Return candidates with those that have become the same taken together."""
    totals: defaultdict[str, float] = defaultdict(float)
    for word, probability in candidates:
        totals[word] += probability
    return sorted(totals.items(), key=lambda item: -item[1])


def _accepted(typed: TypedText, tokenizer: Tokenizer, word: str, log_probs: NDArray[np.float32]) -> str:
    """Return the text with a word in place of the one being typed, and what comes after it begun.

    A word is followed by a space. A mark of running text has the spaces that are the most probable: `said` and `,`
    become `"said, "`, while a quote may open or close.

    Args:
        typed: The text.
        tokenizer: The model's.
        word: The word or mark, as it was suggested.
        log_probs: The log-probabilities of what comes after the tokens of the text `(V,)`.
    """
    variants = variants_of(word, tokenizer)
    if tokenizer.kind == "word" and variants and is_mark(word):
        best = max(variants, key=lambda token_id: (float(log_probs[token_id]), -token_id))
        return typed.text.rstrip(" ") + tokenizer.vocabulary.token_of(best)
    before = typed.text[: len(typed.text) - len(typed.prefix)]
    return f"{before}{' ' if _needs_space(typed, tokenizer) else ''}{word} "


def _needs_space(typed: TypedText, tokenizer: Tokenizer) -> bool:
    """Return whether the next word needs a space before it: after a mark, unless that opens something."""
    text = typed.text
    if typed.prefix or not text or text[-1].isspace() or text[-1] in _BRACKETS:
        return False
    if text[-1] in _QUOTES and (len(text) == 1 or text[-2].isspace()):
        return False
    if tokenizer.kind == "subword":
        return True
    return tokenizer.kind == "word" and tokenizer.vocabulary.token_of(next(typed.backwards()).token_id).endswith(" ")


def complete(
    model: TextModel,
    text: str,
    k: int = 5,
    *,
    user_words: UserWords | None = None,
    options: SessionOptions = DEFAULT_OPTIONS,
) -> list[Suggestion]:
    """Return the `k` most probable words for the one that `text` ends with; after a space, the next word.

    They are those of a `SuggestionSession` in which the text was typed; for one key after another, keep one.

    Args:
        model: The model at work.
        text: What has been typed.
        k: How many to return; fewer if there are no more.
        user_words: Words of the person's own.
        options: How suggestions are made.

    Raises:
        SettingError: `k` is below 1.
        TextError: The text is refused by the tokenizer.
    """
    session = SuggestionSession(model, user_words=user_words, options=options)
    session.type(text)
    return session.suggestions(k)
