"""Suggestion sessions: suggestions after every key, as for a keyboard."""

import os
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nextword.engine.text_model import TextModel
from nextword.errors import TextError
from nextword.inference.suggestion.lexicon import capitalized, folded, in_case_of, lexicon_of, variants_of
from nextword.inference.suggestion.reader import TextReader
from nextword.inference.suggestion.spelling import SPELLED, WordParts, spell
from nextword.inference.suggestion.suggestion import SessionOptions, Suggestion, Suggestions, merged
from nextword.inference.suggestion.typed_text import TypedText
from nextword.inference.suggestion.user_words import UserWords, is_learnable
from nextword.inference.suggestion.word_cache import WordUse
from nextword.inference.suggestion.word_candidates import Candidates, WordCandidates
from nextword.settings import require_at_least, require_text
from nextword.text.tokens.pre_tokens import is_mark, is_opened
from nextword.text.tokens.tokenizer import Tokenizer

DEFAULT_OPTIONS = SessionOptions()


class SuggestionSession:
    r"""A text being typed, with suggestions after every key.

    Suggestions are next words after a space and at the beginning of the text, and completions while a word is typed.
    They depend only on the text and the user words, not on the edits. The engine reads each token once, at the first
    request for suggestions after it; removing characters reads nothing.

    The probability of a next word is that of the word after the text. The probabilities of completions are conditional:
    they sum to one over all words that begin with the typed letters. `<unk>`, `<eos>` and words that are not printable
    are never suggested.

    Args:
        model: Engine and tokenizer.
        user_words: User words from earlier texts; the session does not change the object.
        options: Options of the session.

    Example:
        >>> import nextword
        >>> session = nextword.load("austen").session()
        >>> session.type("I am very much ob")
        >>> session.suggestions(k=1)[0].text
        'obliged'
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
        """The typed part of the current word; empty after a space."""
        return self._reader.typed.prefix

    @property
    def user_words(self) -> UserWords:
        """The user words, including those of the text; save them to keep them."""
        return self._reader.learned()

    def type(self, typed: str) -> None:
        """Append to the text.

        Raises:
            TextError: The tokenizer rejects the text, which does not change.
        """
        require_text("typed", typed)
        self._reader.insert(typed)

    def backspace(self, num_characters: int = 1) -> None:
        """Remove characters from the end of the text.

        Raises:
            SettingError: The text has fewer characters.
        """
        self._reader.remove(num_characters)

    def replace(self, text: str) -> None:
        """Replace the text; only the end that differs is edited.

        Raises:
            TextError: The tokenizer rejects the text, which does not change.
        """
        require_text("text", text)
        same = len(os.path.commonprefix((self.text, text)))  # noqa: RUF071 - it compares characters on purpose
        removed = self.text[same:]
        self.backspace(len(removed))
        try:
            self.type(text[same:])
        except TextError:
            self.type(removed)
            raise

    def accept(self, suggestion: Suggestion | str) -> None:
        """Replace the word being typed by a suggestion, followed by a space; a mark gets its most probable spaces."""
        word = suggestion if isinstance(suggestion, str) else suggestion.text
        prediction = self._reader.read()
        self.replace(accepted_text(self._reader.typed, self._tokenizer, word, prediction.log_probs))

    def suggestions(self, k: int = 5) -> Suggestions:
        """Return the `k` most probable words, most probable first; fewer if there are fewer words.

        Raises:
            SettingError: `k` is below 1.
        """
        require_at_least("k", k, 1)
        candidates = self._word_tokens(k) if self._word_parts is None else self._spelled_words(k, self._word_parts)
        return Suggestions(Suggestion(word, probability) for word, probability in candidates)

    def learn(self, word: str) -> None:
        """Add a user word; one of the vocabulary that was forgotten is only suggested again.

        Raises:
            SettingError: The word is invalid.
        """
        self.change_words(learn=[word])

    def forget(self, word: str) -> None:
        """Stop suggesting a word, even if it is in the vocabulary or in the text."""
        self.change_words(forget=[word])

    def change_words(self, *, learn: Iterable[str] = (), forget: Iterable[str] = ()) -> None:
        """Add user words, then stop suggesting others. The text is processed again once, however many words there are.

        Raises:
            SettingError: A word to learn is invalid; then no word is added or removed.
        """
        learn, forget = [*learn], [*forget]
        if not learn and not forget:  # the text stays read
            return
        words = self._words.copy()
        for word in learn:
            is_known = self._word_parts is not None or self._lexicon.words_of([folded(word)]).size
            is_allowed = is_known and (words.is_forgotten(word) or not is_learnable(word))
            (words.allow if is_allowed else words.learn)(word)
        words.forget(*forget)
        self._restart(words, self.text)

    def finish(self) -> None:
        """Begin a new text. The words of the old text become user words; the session keeps their contexts."""
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

    def _word_tokens(self, k: int) -> Candidates:
        candidates = self._word_candidates()
        if self.prefix:
            return candidates.completions(self.prefix, k)
        return candidates.sentence_beginnings(k) if self._wants_capital() else candidates.next_words(k)

    def _word_candidates(self) -> WordCandidates:
        """Return the candidates after the complete words, cached until these change."""
        prediction = self._reader.read()
        key = (self._reader.node, self._reader.cache.version)
        if self._candidates is None or self._candidates[0] != key:
            self._candidates = key, WordCandidates(prediction, self._lexicon, self._reader.cache, self._options)
        return self._candidates[1]

    def _spelled_words(self, k: int, word_parts: WordParts) -> Candidates:
        """Return words composed of characters or subwords; typed characters are already read."""
        prediction, prefix = self._reader.read(), self.prefix
        limits = {"width": self._options.beam_width, "max_length": self._options.beam_length}
        typed = (prefix, "") if self._tokenizer.kind == "character" else ("", self._unread())
        after, is_forgotten = (prediction.log_probs, prediction.state), self._words.is_forgotten
        words = spell(self._model.engine, after, word_parts, typed, k, **limits, is_forgotten=is_forgotten)
        if not self._options.restore_case:
            return words
        if prefix:
            return merged((in_case_of(prefix, word), probability) for word, probability in words)
        return merged((capitalized(word), value) for word, value in words) if self._wants_capital() else words

    def _unread(self) -> str:
        """Return the typed part of the next word that is not read, with the space before it."""
        typed = self._reader.typed
        unread = f" {typed.unread}" if needs_space(typed, self._tokenizer) else typed.unread
        return unread.lower() if self._lexicon.is_lower_cased else unread

    def _wants_capital(self) -> bool:
        return self._options.restore_case and self._lexicon.is_lower_cased and self._reader.typed.begins_sentence


def accepted_text(typed: TypedText, tokenizer: Tokenizer, word: str, log_probs: NDArray[np.float32]) -> str:
    """Return the text with `word` instead of the word being typed.

    A space follows a word. With the tokenizer `word`, a punctuation mark gets its most probable spaces: `said` and `,`
    become `"said, "`, while a quote may open or close.
    """
    if mark := spaced_mark(tokenizer, word, log_probs):
        return typed.text.rstrip(" ") + mark
    before = typed.text[: len(typed.text) - len(typed.prefix)]
    return f"{before}{' ' if needs_space(typed, tokenizer) else ''}{word} "


def spaced_mark(tokenizer: Tokenizer, word: str, log_probs: NDArray[np.float32]) -> str:
    """Return a punctuation mark of running text with its most probable spaces; empty for a word or an unknown mark."""
    variants = variants_of(word, tokenizer) if tokenizer.kind == "word" else []
    if not variants or not is_mark(word):
        return ""
    best = max(variants, key=lambda token_id: (float(log_probs[token_id]), -token_id))
    return tokenizer.vocabulary.token_of(best)


def needs_space(typed: TypedText, tokenizer: Tokenizer) -> bool:
    """Return whether the next word needs a space before it, as after a mark that does not open a quote or bracket."""
    text = typed.text
    if typed.prefix or not text or text[-1].isspace() or is_opened(text):
        return False
    if tokenizer.kind == "subword":
        return True
    if tokenizer.kind != "word":
        return False
    return tokenizer.vocabulary.token_of(next(typed.reversed_pieces()).token_id).endswith(" ")


def with_space(text: str, tokenizer: Tokenizer) -> str:
    """Return a text whose last word is complete; that of a character model is unchanged, as it reads the space."""
    return f"{text} " if text and not text[-1].isspace() and tokenizer.kind != "character" else text


def complete(
    model: TextModel,
    text: str,
    k: int = 5,
    *,
    user_words: UserWords | None = None,
    options: SessionOptions = DEFAULT_OPTIONS,
) -> Suggestions:
    """Return the `k` most probable completions of the last word of `text`, or next words if it ends with a space.

    For suggestions after every key, a `SuggestionSession` is faster; it returns the same words.
    """
    session = SuggestionSession(model, user_words=user_words, options=options)
    session.type(text)
    return session.suggestions(k)
