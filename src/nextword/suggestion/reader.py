"""A typed text as an engine and a cache of words read it: each token once."""

from collections.abc import Sequence
from typing import NamedTuple

from nextword.engine.text_model import TextModel
from nextword.suggestion.session_options import SessionOptions
from nextword.suggestion.spelling import SPELLED
from nextword.suggestion.state_tree import Node, Prediction, StateTree
from nextword.suggestion.typed_text import TypedText
from nextword.suggestion.user_words import UserWords, is_learnable
from nextword.suggestion.word_cache import WordCache, WordUse
from nextword.text.pieces import is_word_character


class _Use(NamedTuple):
    """A word outside the vocabulary in the text: after how many tokens, which, and what is before it."""

    place: int
    word: str
    before: Node


class TextReader:
    """Keeps the states along a text, and what is known of words outside the vocabulary, as the text is edited.

    Nothing is read until it is asked for; both follow from the text alone, however it was typed.

    Args:
        model: What reads.
        lower_case: Whether what is outside the vocabulary is read in lower case.
        words: What a person used before.
        uses: Uses of these words in texts before this one, whose context is known.
        options: What to keep.

    Attributes:
        typed: The text, to be looked at.
        cache: The words outside the vocabulary, those of the text among them once `read` was called.
    """

    def __init__(
        self,
        model: TextModel,
        *,
        lower_case: bool,
        words: UserWords,
        uses: Sequence[WordUse],
        options: SessionOptions,
    ) -> None:
        tokenizer = model.tokenizer
        self.typed = TypedText(tokenizer, lower_case=lower_case)
        self.cache = WordCache(
            words, tokenizer.vocabulary, theta=options.user_word_theta, memory=options.user_word_memory, uses=uses
        )
        self._words = words
        self._learns = options.learn and tokenizer.kind not in SPELLED
        self._unknown_id = tokenizer.vocabulary.unknown_id
        self._tree = StateTree(model.engine, history=options.history, with_hidden=self._learns)
        self._path = [self._tree.root]
        self._uses: list[_Use] = []
        self._num_learned = 0

    @property
    def here(self) -> Node:
        """The text so far, as the tree of states has it."""
        return self._path[-1]

    def insert(self, text: str) -> None:
        """Add to the end of the text."""
        self._follow(self.typed.insert(text))

    def remove(self, num_characters: int) -> None:
        """Take characters from the end of the text."""
        self._follow(self.typed.remove(num_characters))

    def read(self) -> Prediction:
        """Return what the engine makes of the text, with the words of the text in the cache."""
        for use in self._uses[self._num_learned :]:
            self.cache.learn(self._with_context(use))
        self._num_learned = len(self._uses)
        return self._tree.read(self.here)

    def uses(self) -> list[WordUse]:
        """Return the uses of words outside the vocabulary in the text."""
        return [self._with_context(use) for use in self._uses]

    def learned(self) -> UserWords:
        """Return the words used before with those of the text."""
        words = self._words.copy()
        for use in self._uses:
            words.learn(use.word)
        return words

    def _follow(self, num_kept: int) -> None:
        """Bring path and words up to date, the first `num_kept` tokens being what they were."""
        del self._path[num_kept + 1 :]
        while self._uses and self._uses[-1].place >= num_kept:
            self._uses.pop()
        if len(self._uses) < self._num_learned:
            self.cache.unlearn(self._num_learned - len(self._uses))
            self._num_learned = len(self._uses)
        for place, piece in enumerate(self.typed.pieces_from(num_kept), start=num_kept):
            if self._learns and piece.token_id == self._unknown_id and self._is_new(piece.text):
                self._path[-1].keeps_hidden = True
                self._uses.append(_Use(place, piece.text, self._path[-1]))
            self._path.append(self._tree.child(self._path[-1], piece.token_id))

    def _with_context(self, use: _Use) -> WordUse:
        return WordUse(use.word, self._tree.hidden(use.before))

    def _is_new(self, word: str) -> bool:
        """Return whether a piece is a word of the person's own; `"Tolu` with a quote that sticks to it is none."""
        begins_and_ends = is_word_character(word[0]) and is_word_character(word[-1])
        return begins_and_ends and is_learnable(word) and not self._words.is_forgotten(word)
