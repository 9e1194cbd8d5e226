"""A tree of engine states for texts with common beginnings."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State


class NodePrediction(NamedTuple):
    """The output of an engine after a text.

    Attributes:
        log_probs: Natural log-probabilities of the next token `(V,)`, float32.
        state: State of the engine, batch of one.
        hidden: Hidden state of the last layer `(H,)`, float32; `None` if not requested or not available.
    """

    log_probs: NDArray[np.float32]
    state: State
    hidden: NDArray[np.float32] | None


@dataclass(eq=False, slots=True)
class Node:
    """A text, represented by its parent and its last token.

    Attributes:
        parent: The text without its last token; `None` for the beginning.
        token_id: The last token.
        keeps_hidden: Whether to keep the hidden state after the prediction is dropped.
        prediction: Prediction after the text; `None` if not read yet, or dropped.
        hidden: Hidden state of the last layer `(H,)`, if it is kept.
        children: Longer texts by their next token.
    """

    parent: "Node | None"
    token_id: int
    keeps_hidden: bool = False
    prediction: NodePrediction | None = None
    hidden: NDArray[np.float32] | None = None
    children: dict[int, "Node"] = field(default_factory=dict)


class StateTree:
    """A tree of texts whose predictions are kept in a least-recently-used cache.

    Args:
        engine: The engine.
        history: Number of predictions to keep. A dropped one is recomputed from the longest prefix that is kept.
        with_hidden: Whether to request hidden states.
    """

    def __init__(self, engine: Engine, *, history: int, with_hidden: bool) -> None:
        self._engine = engine
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
        known = None if before is None else before.prediction
        prediction = self._read_next(unread.pop(), self._engine.start(1) if known is None else known.state)
        while unread:
            prediction = self._read_next(unread.pop(), prediction.state)
        return prediction

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
