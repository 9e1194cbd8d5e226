"""No text of a picture is cut off or covers another, whatever the words are."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.bundle.bundle import Bundle
from nextword.model.architecture import Architecture
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from pictures.architecture import draw_architecture
from pictures.cell import CellView, draw_cell
from pictures.colored_text import PredictedWord, draw_surprisal
from pictures.drawing import Drawing
from pictures.network import draw_network
from pictures.windows import draw_windows
from support.random_weights import random_weights

WORD = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=40)


def assert_is_in_order(drawing: Drawing) -> None:
    for text in drawing.texts:
        assert text.left >= -0.01, text
        assert text.right <= drawing.width + 0.01, text
        assert 0.6 * text.size <= text.baseline <= drawing.height, text
    for one, other in itertools.combinations(drawing.texts, 2):
        low, high = sorted((one, other), key=lambda text: text.baseline)
        is_beside = one.right <= other.left + 0.01 or other.right <= one.left + 0.01
        is_below = high.baseline - 0.75 * high.size >= low.baseline + 0.15 * low.size
        assert is_beside or is_below, (one, other)


@given(words=st.lists(WORD, min_size=2, max_size=12))
@settings(max_examples=50)
def test_the_network(words: list[str]) -> None:
    assert_is_in_order(draw_network(" ".join(words)))


@given(words=st.lists(WORD, min_size=73, max_size=73), batch_size=st.integers(1, 6), num_steps=st.integers(2, 6))
@settings(max_examples=20, deadline=None)
def test_the_windows(words: list[str], batch_size: int, num_steps: int) -> None:
    assert_is_in_order(draw_windows(" ".join(words), batch_size=batch_size, num_steps=num_steps))


@given(words=st.lists(st.tuples(WORD, WORD, st.floats(0, 40)), min_size=1, max_size=60))
@settings(max_examples=20, deadline=None)
def test_the_surprisal(words: list[tuple[str, str, float]]) -> None:
    assert_is_in_order(draw_surprisal([PredictedWord(*word) for word in words], "austen"))


def test_the_architecture_of_a_long_name() -> None:
    assert_is_in_order(
        draw_architecture(Architecture(vocabulary_size=3, embedding_size=2, hidden_sizes=(2,)), "W" * 64)
    )


@given(words=st.lists(WORD, min_size=1, max_size=30, unique=True), units=st.integers(1, 16), data=st.data())
@settings(max_examples=30, deadline=None)
def test_the_cell(words: list[str], units: int, data: st.DataObject) -> None:
    words = [word for word in words if word not in ("<unk>", "<eos>")] or ["a"]
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<unk>", "<eos>", *words)))
    architecture = Architecture(vocabulary_size=len(words) + 2, embedding_size=3, hidden_sizes=(20,))
    weights = random_weights(architecture, len(words), scale=9)
    bundle = Bundle("w" * 64, architecture, tokenizer, weights, "")
    word = data.draw(st.integers(1, len(words)))
    assert_is_in_order(draw_cell(bundle, " ".join(words), CellView(word=word, num_units=units)))
