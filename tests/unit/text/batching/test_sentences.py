import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.text.batching.sentences import SentenceBatches

lengths_of_sentences = st.lists(st.integers(0, 90), max_size=60)


@given(lengths_of_sentences, st.integers(1, 400), st.booleans())
def test_every_sentence_is_in_one_batch(lengths: list[int], most_tokens: int, few_shapes: bool) -> None:
    batches = SentenceBatches(most_tokens, few_shapes=few_shapes)
    indices = [index for batch in batches.batches(lengths) for index in batch.tolist()]
    assert sorted(indices) == [index for index, length in enumerate(lengths) if length]


@given(st.lists(st.integers(1, 90), min_size=1, max_size=60), st.integers(16, 400), st.booleans())
def test_a_padded_batch_holds_each_sentence_and_its_inputs(
    lengths: list[int], most_tokens: int, few_shapes: bool
) -> None:
    batches = SentenceBatches(most_tokens, few_shapes=few_shapes)
    sentences = [np.arange(100 * index, 100 * index + length, dtype=np.int32) for index, length in enumerate(lengths)]
    for batch in batches.batches(lengths):
        rows = [sentences[index] for index in batch]
        padded = batches.padded(rows, -7)
        for row, sentence in enumerate(rows):
            assert padded.targets[row, : len(sentence)].tolist() == sentence.tolist()
            assert padded.inputs[row, : len(sentence)].tolist() == [-7, *sentence[:-1].tolist()]
            assert padded.lengths[row] == len(sentence)
        assert not padded.lengths[len(rows) :].any()


@given(st.lists(st.integers(1, 90), min_size=1, max_size=60), st.integers(1, 400), st.booleans())
def test_pieces_cover_a_batch_evenly_and_respect_max_tokens(
    lengths: list[int], most_tokens: int, few_shapes: bool
) -> None:
    batches = SentenceBatches(most_tokens, few_shapes=few_shapes)
    for batch in batches.batches(lengths):
        inputs = batches.padded([np.zeros(lengths[index], np.int32) for index in batch], 0).inputs
        pieces = batches.pieces(*inputs.shape)
        covered = [step for piece in pieces for step in range(piece.start, piece.stop)]
        assert covered == list(range(inputs.shape[1]))
        assert len({piece.stop - piece.start for piece in pieces}) == 1
        assert len(inputs) * (pieces[0].stop - pieces[0].start) <= max(most_tokens, len(inputs))


def test_many_sentences_need_little_padding() -> None:
    lengths = np.random.default_rng(0).poisson(22, size=4000) + 1
    batches = SentenceBatches(2000)
    num_read = 0
    for batch in batches.batches(lengths.tolist()):
        num_read += batches.padded([np.zeros(lengths[index], np.int32) for index in batch], 0).inputs.size
    assert lengths.sum() <= num_read <= 1.03 * lengths.sum()


def test_a_long_sentence_does_not_pad_short_ones_to_its_length() -> None:
    batches = SentenceBatches(1000)
    lengths = [100_000, *[5] * 15]
    assert [batch.tolist() for batch in batches.batches(lengths)] == [[0], list(range(1, 16))]


def test_few_shapes_are_few() -> None:
    lengths = np.random.default_rng(0).integers(1, 300, size=3000).tolist()
    batches = SentenceBatches(2000, few_shapes=True)
    shapes = set()
    for batch in batches.batches(lengths):
        inputs = batches.padded([np.zeros(lengths[index], np.int32) for index in batch], 0).inputs
        shapes |= {(len(inputs), piece.stop - piece.start) for piece in batches.pieces(*inputs.shape)}
    assert len(shapes) <= 8


@pytest.mark.parametrize(
    ("longest", "padded"), [(1, 16), (16, 16), (17, 24), (25, 32), (33, 48), (49, 64), (65, 96), (97, 128)]
)
def test_few_shapes_round_lengths_up(longest: int, padded: int) -> None:
    batches = SentenceBatches(10**6, few_shapes=True)
    assert batches.padded([np.zeros(longest, np.int32)], 0).inputs.shape[1] == padded
