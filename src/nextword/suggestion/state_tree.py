"""States of an engine, kept where a text may come back to."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State


class Prediction(NamedTuple):
    """What an engine makes of a text.

    Attributes:
        log_probs: Natural logarithm of the probability of each token that may follow `(V,)`, float32.
        state: The engine's state, of a batch of one.
        hidden: What the last layer made of the text `(H,)`, float32; `None` if it is not asked for, or not given.
    """

    log_probs: NDArray[np.float32]
    state: State
    hidden: NDArray[np.float32] | None


@dataclass(eq=False, slots=True)
class Node:
    """A text, as the one before it and its last token; what was read of it may be forgotten, and is read again then.

    Attributes:
        parent: The text without its last token; `None` for the beginning.
        token_id: The last token.
        keeps_hidden: Whether the hidden state outlives the rest.
    """

    parent: "Node | None"
    token_id: int
    keeps_hidden: bool = False
    prediction: Prediction | None = None
    hidden: NDArray[np.float32] | None = None
    children: dict[int, "Node"] = field(default_factory=dict)


class StateTree:
    """Texts that share their beginnings, each read once as long as it is remembered.

    Args:
        engine: What reads.
        history: How many texts are remembered, the latest asked for; a text that is not is read again from the longest
            beginning of it that is.
        with_hidden: Whether hidden states are asked for.
    """

    def __init__(self, engine: Engine, *, history: int, with_hidden: bool) -> None:
        self._engine = engine
        self._history = history
        self._with_hidden = with_hidden
        self._remembered: OrderedDict[Node, None] = OrderedDict()
        self.root = Node(None, engine.end_id)

    def child(self, node: Node, token_id: int) -> Node:
        """Return the text with one more token; nothing is read."""
        if token_id not in node.children:
            node.children[token_id] = Node(node, token_id)
        return node.children[token_id]

    def read(self, node: Node) -> Prediction:
        """Return what the engine makes of a text."""
        if node.prediction is not None:
            self._remember(node)
            return node.prediction
        unread, before = [node], node.parent
        while before is not None and before.prediction is None:
            unread.append(before)
            before = before.parent
        known = None if before is None else before.prediction
        prediction = self._read_next(unread.pop(), self._engine.start(1) if known is None else known.state)
        while unread:
            prediction = self._read_next(unread.pop(), prediction.state)
        return prediction

    def hidden(self, node: Node) -> NDArray[np.float32] | None:
        """Return the hidden state of a text, without reading it again if it is kept; `None` if there are none."""
        if not self._with_hidden:
            return None
        return node.hidden if node.hidden is not None else self.read(node).hidden

    def _read_next(self, node: Node, state: State) -> Prediction:
        node.prediction = prediction = self._step(node.token_id, state)
        if node.keeps_hidden:
            node.hidden = prediction.hidden
        self._remember(node)
        return prediction

    def _step(self, token_id: int, state: State) -> Prediction:
        if not self._with_hidden:
            log_probs, state = self._engine.step(np.array([token_id], np.int32), state)
            return Prediction(log_probs[0], state, None)
        prediction, state = self._engine.predict_window(np.array([[token_id]], np.int32), state)
        if prediction.hidden is None:
            self._with_hidden = False
            return Prediction(prediction.log_probs[0, 0], state, None)
        return Prediction(prediction.log_probs[0, 0], state, prediction.hidden[0, 0])

    def _remember(self, node: Node) -> None:
        self._remembered[node] = None
        self._remembered.move_to_end(node)
        while len(self._remembered) > self._history:
            oldest, _ = self._remembered.popitem(last=False)
            oldest.prediction = None
            _drop_unused(oldest)


def _drop_unused(node: Node) -> None:
    """Let go of texts that nothing remembered goes on from."""
    while node.parent is not None and node.prediction is None and not node.children:
        if node.parent.children.get(node.token_id) is node:
            del node.parent.children[node.token_id]
        node = node.parent
