"""Reads a typed text with an engine and a word cache, each token once."""

from collections.abc import Sequence
from typing import NamedTuple

from nextword.engine.text_model import TextModel
from nextword.inference.suggestion.session_options import SessionOptions
from nextword.inference.suggestion.spelling import SPELLED
from nextword.inference.suggestion.state_tree import Node, NodePrediction, StateTree
from nextword.inference.suggestion.typed_text import TypedText
from nextword.inference.suggestion.user_words import UserWords, is_learnable
from nextword.inference.suggestion.word_cache import WordCache, WordUse
from nextword.text.tokens.pre_tokens import is_word_character


class _Use(NamedTuple):
    """A use of a word outside the vocabulary: index of its token, the word, and the text before it."""

    token_index: int
    word: str
    before: Node


class TextReader:
    """Keeps engine states and words outside the vocabulary up to date while a text is edited.

    It reads nothing before `read` is called. States and words depend only on the text, not on the edits.

    Args:
        model: Engine and tokenizer.
        lower_case: Whether to read unknown words in lower case.
        words: User words from earlier texts.
        uses: Uses of these words in earlier texts.
        options: Options of the session.

    Attributes:
        typed: The text; read only.
        cache: Words outside the vocabulary, including those of the text after a call of `read`.
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
    def node(self) -> Node:
        """Node of the text in the tree of states."""
        return self._path[-1]

    def insert(self, text: str) -> None:
        """Append to the text."""
        self._update(self.typed.insert(text))

    def remove(self, num_characters: int) -> None:
        """Remove characters from the end of the text."""
        self._update(self.typed.remove(num_characters))

    def read(self) -> NodePrediction:
        """Add the words of the text to the cache, and return the prediction after the text."""
        for use in self._uses[self._num_learned :]:
            self.cache.learn(self._with_context(use))
        self._num_learned = len(self._uses)
        return self._tree.read(self.node)

    def uses(self) -> list[WordUse]:
        """Return the uses of words outside the vocabulary in the text."""
        return [self._with_context(use) for use in self._uses]

    def learned(self) -> UserWords:
        """Return the user words, including those of the text."""
        words = self._words.copy()
        for use in self._uses:
            words.learn(use.word)
        return words

    def _update(self, num_kept: int) -> None:
        """Update path and words after the first `num_kept` tokens, which did not change."""
        del self._path[num_kept + 1 :]
        while self._uses and self._uses[-1].token_index >= num_kept:
            self._uses.pop()
        if len(self._uses) < self._num_learned:
            self.cache.unlearn(self._num_learned - len(self._uses))
            self._num_learned = len(self._uses)
        for index, piece in enumerate(self.typed.pieces_from(num_kept), start=num_kept):
            if self._learns and piece.token_id == self._unknown_id and self._is_user_word(piece.text):
                self._path[-1].keeps_hidden = True
                self._uses.append(_Use(index, piece.text, self._path[-1]))
            self._path.append(self._tree.child(self._path[-1], piece.token_id))

    def _with_context(self, use: _Use) -> WordUse:
        return WordUse(use.word, self._tree.hidden(use.before))

    def _is_user_word(self, word: str) -> bool:
        """Return whether an unknown piece is a user word; `"Tolu`, with a quote attached, is not."""
        begins_and_ends = is_word_character(word[0]) and is_word_character(word[-1])
        return begins_and_ends and is_learnable(word) and not self._words.is_forgotten(word)
