import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.engine.engine import State, WindowPrediction, read_text
from nextword.engine.text_model import TextModel
from nextword.inference.suggestion.reader import Node, StateTree, TextReader
from nextword.inference.suggestion.suggestion import SessionOptions
from nextword.inference.suggestion.user_words import UserWords
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.vocabulary import Vocabulary
from support.inner_engines import with_cache
from support.toy_engine import ToyEngine
from support.typing_engines import make_tokenizer, toy_engine

VOCABULARY = Vocabulary(("<eos>", "<unk>", "a", "b"))
paths = st.lists(st.lists(st.integers(1, 3), max_size=5), max_size=8)


def node_at(tree: StateTree, ids: list[int]) -> Node:
    node = tree.root
    for token_id in ids:
        node = tree.child(node, token_id)
    return node


@pytest.mark.parametrize("with_hidden", [True, False])
@given(asked=paths, history=st.integers(1, 6))
def test_a_prediction_is_that_of_the_whole_text(with_hidden: bool, asked: list[list[int]], history: int) -> None:
    engine = toy_engine(VOCABULARY)
    tree = StateTree(engine, history=history, with_hidden=with_hidden)
    for ids in asked:
        node = node_at(tree, ids)
        prediction = tree.read(node)
        log_probs, state = read_text(engine, ids)
        np.testing.assert_array_equal(prediction.log_probs, log_probs[0])
        np.testing.assert_array_equal(prediction.state, state)
        hidden = tree.hidden(node)
        assert (hidden is not None) == with_hidden
        if hidden is not None:
            np.testing.assert_array_equal(hidden, state[0])


@given(asked=paths, history=st.integers(1, 4))
def test_at_most_history_predictions_are_kept(asked: list[list[int]], history: int) -> None:
    tree = StateTree(toy_engine(VOCABULARY), history=history, with_hidden=False)
    for ids in asked:
        tree.read(node_at(tree, ids))
    nodes, readings = [tree.root], 0
    while nodes:
        node = nodes.pop()
        readings += node.prediction is not None
        assert node.prediction is not None or node.children or node is tree.root
        nodes += node.children.values()
    assert readings <= history


def test_the_states_of_a_text_share_the_entries_of_a_cache() -> None:
    size = 20
    engine = with_cache(ToyEngine(7, 0), cache_size=size)
    tree = StateTree(engine, history=8, with_hidden=False)
    node = tree.root
    for number, token_id in enumerate(np.random.default_rng(1).integers(7, size=300).tolist()):
        tree.read(node)
        if number % 7 == 0:
            tree.read(tree.child(node, (token_id + 1) % 7))  # a branch
        node = tree.child(node, token_id)
    kept = [node.prediction.state.parts[0][0].entries for node in tree._kept if node.prediction is not None]
    assert len(kept) == 8
    assert len({id(entries) for entries in kept}) <= 4
    assert max(len(entries.followers) for entries in kept) <= 2 * size + 1


def test_an_engine_without_hidden_states_is_asked_only_once() -> None:
    engine = toy_engine(VOCABULARY, gives_hidden=False)
    tree = StateTree(engine, history=1, with_hidden=True)
    early = node_at(tree, [2])
    assert tree.hidden(early) is None
    tree.read(node_at(tree, [2, 3]))
    num_read = engine.num_read
    assert tree.hidden(early) is None
    assert engine.num_read == num_read


def test_a_hidden_state_can_be_kept_longer_than_the_prediction() -> None:
    engine = toy_engine(VOCABULARY)
    tree = StateTree(engine, history=1, with_hidden=True)
    node = node_at(tree, [2])
    node.keeps_hidden = True
    tree.read(node_at(tree, [2, 3, 3]))
    num_read = engine.num_read
    assert node.prediction is None
    hidden = tree.hidden(node)
    assert engine.num_read == num_read
    np.testing.assert_array_equal(hidden, tree.read(node).hidden)


class InterruptedEngine(ToyEngine):
    """Is interrupted once, after some tokens; with 0 tokens never."""

    def __init__(self, vocabulary: Vocabulary, num_tokens: int) -> None:
        super().__init__(len(vocabulary), vocabulary.end_id)
        self._num_tokens = num_tokens

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        answer = super().predict_window(inputs, state)
        if self.num_read == self._num_tokens:
            raise InterruptedError
        return answer


def test_words_are_learned_once_if_reading_is_interrupted_between_them() -> None:
    tokenizer = make_tokenizer("and the")
    readers = []
    for num_tokens in (0, 3):
        model = TextModel(InterruptedEngine(tokenizer.vocabulary, num_tokens), tokenizer)
        reader = TextReader(model, lower_case=False, words=UserWords(), uses=(), options=SessionOptions())
        reader.insert("Tolu and Zola and ")
        readers.append(reader)
    expected, interrupted = readers
    expected.read()
    with pytest.raises(InterruptedError):
        interrupted.read()
    interrupted.read()
    assert interrupted.cache.words == expected.cache.words == ["Tolu", "Zola"]
    np.testing.assert_array_equal(interrupted.cache.weights(None), expected.cache.weights(None))
