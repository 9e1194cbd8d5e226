"""Reads a typed text with an engine and a word cache, each token once. Texts with a common beginning share states."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State
from nextword.engine.prefix_cache import PrefixCache
from nextword.engine.text_model import TextModel
from nextword.inference.suggestion.spelling import SPELLED
from nextword.inference.suggestion.suggestion import SessionOptions
from nextword.inference.suggestion.typed_text import TypedText
from nextword.inference.suggestion.user_words import UserWords, is_learnable
from nextword.inference.suggestion.word_cache import WordCache, WordUse
from nextword.text.tokens.pre_tokens import is_word_character


class NodePrediction(NamedTuple):
    """The output of an engine after a text."""

    log_probs: NDArray[np.float32]  # natural log-probabilities of the next token `(V,)`, float32
    state: State  # state of the engine, batch of one
    # Hidden state of the last layer `(H,)`, float32; `None` if not requested or not available.
    hidden: NDArray[np.float32] | None


@dataclass(eq=False, slots=True)
class Node:
    """A text, represented by its parent and its last token."""

    parent: "Node | None"  # the text without its last token; `None` for the beginning
    token_id: int
    keeps_hidden: bool = False  # whether to keep the hidden state after the prediction is dropped
    prediction: NodePrediction | None = None  # prediction after the text; `None` if not read yet, or dropped
    hidden: NDArray[np.float32] | None = None  # hidden state of the last layer `(H,)`, if it is kept
    children: dict[int, "Node"] = field(default_factory=dict)  # longer texts by their next token


class StateTree:
    """A tree of texts whose predictions are kept in a least-recently-used cache.

    Of `history` predictions, a dropped one is recomputed from the longest prefix that is kept, here or in `prefixes`.
    """

    def __init__(self, engine: Engine, *, history: int, with_hidden: bool, prefixes: PrefixCache | None = None) -> None:
        self._engine = engine
        self._prefixes = prefixes
        self._history = history
        self._with_hidden = with_hidden
        self._kept: OrderedDict[Node, None] = OrderedDict()
        self.root = Node(None, engine.end_id)

    def child(self, node: Node, token_id: int) -> Node:
        """Return the text with one more token, without reading it."""
        if token_id not in node.children:
            node.children[token_id] = Node(node, token_id)
        return node.children[token_id]

    def read(self, node: Node) -> NodePrediction:
        """Return the prediction after a text."""
        if node.prediction is not None:
            self._keep(node)
            return node.prediction
        unread, before = [node], node.parent
        while before is not None and before.prediction is None:
            unread.append(before)
            before = before.parent
        if before is not None and before.prediction is not None:
            state = before.prediction.state
        else:
            state = self._state_before(unread)
        while len(unread) > 1:
            state = self._read_next(unread.pop(), state).state
        self._keep_prefix(node, state)
        return self._read_next(node, state)

    def _state_before(self, unread: list[Node]) -> State:
        """Return the state after the longest known beginning of an unread text, and drop its nodes from `unread`."""
        path = unread[::-1]
        marked = [number for number, each in enumerate(path, start=1) if each.keeps_hidden and self._with_hidden]
        known = None if self._prefixes is None else self._prefixes.find([each.token_id for each in path], marked)
        if known is None:
            return self._engine.start(1)
        for number in (number for number in marked if number <= known.num_tokens):
            path[number - 1].hidden = known.hidden[number]
        del unread[len(path) - known.num_tokens :]
        return known.state

    def _keep_prefix(self, node: Node, state: State) -> None:
        """Keep the state before a text's last token, with the hidden states that were kept on the way."""
        if self._prefixes is None:
            return
        path, before = list[Node](), node.parent
        while before is not None:
            path.append(before)
            before = before.parent
        path.reverse()
        hidden = {number: each.hidden for number, each in enumerate(path, start=1) if each.hidden is not None}
        self._prefixes.keep([each.token_id for each in path], state, hidden)

    def hidden(self, node: Node) -> NDArray[np.float32] | None:
        """Return the hidden state after a text, from memory if it is kept; `None` if the engine has none."""
        if not self._with_hidden:
            return None
        return node.hidden if node.hidden is not None else self.read(node).hidden

    def _read_next(self, node: Node, state: State) -> NodePrediction:
        node.prediction = prediction = self._step(node.token_id, state)
        if node.keeps_hidden:
            node.hidden = prediction.hidden
        self._keep(node)
        return prediction

    def _step(self, token_id: int, state: State) -> NodePrediction:
        if not self._with_hidden:
            log_probs, state = self._engine.step(np.array([token_id], np.int32), state)
            return NodePrediction(log_probs[0], state, None)
        prediction, state = self._engine.predict_window(np.array([[token_id]], np.int32), state)
        if prediction.hidden is None:
            self._with_hidden = False
            return NodePrediction(prediction.log_probs[0, 0], state, None)
        return NodePrediction(prediction.log_probs[0, 0], state, prediction.hidden[0, 0])

    def _keep(self, node: Node) -> None:
        self._kept[node] = None
        self._kept.move_to_end(node)
        while len(self._kept) > self._history:
            oldest, _ = self._kept.popitem(last=False)
            oldest.prediction = None
            _drop_unused(oldest)


def _drop_unused(node: Node) -> None:
    """Remove nodes without a prediction and without children."""
    while node.parent is not None and node.prediction is None and not node.children:
        if node.parent.children.get(node.token_id) is node:
            del node.parent.children[node.token_id]
        node = node.parent


class _Use(NamedTuple):
    """A use of a word outside the vocabulary: index of its token, the word, and the text before it."""

    token_index: int
    word: str
    before: Node


class TextReader:
    """Keeps engine states and words outside the vocabulary up to date while a text is edited.

    It reads nothing before `read` is called. States and words depend only on the text, not on the edits.
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
        self.typed = TypedText(tokenizer, lower_case=lower_case)  # the text; read only
        # Words outside the vocabulary, including the text's after a call of `read`.
        self.cache = WordCache(
            words, tokenizer.vocabulary, theta=options.user_word_theta, memory=options.user_word_memory, uses=uses
        )
        self._words = words
        self._learns = options.learn and tokenizer.kind not in SPELLED
        self._unknown_id = tokenizer.vocabulary.unknown_id
        self._tree = StateTree(model.engine, history=options.history, with_hidden=self._learns, prefixes=model.prefixes)
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
        prediction = self._tree.read(self.node)  # first, since it reads the contexts of the words on its way
        for use in self._uses[self._num_learned :]:
            self.cache.learn(self._with_context(use))
            self._num_learned += 1
        return prediction

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
