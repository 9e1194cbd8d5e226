import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.bundle.bundle import Bundle
from nextword.bundle.weights import decode_weights, encode_weights
from nextword.errors import BundleError
from nextword.model.architecture import Architecture
from support.random_weights import random_weights


@settings(deadline=None)
@given(
    st.integers(2, 20), st.integers(1, 5), st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(0, 2**32)
)
def test_weights_come_back_bit_for_bit(vocabulary: int, embedding: int, hidden: list[int], seed: int) -> None:
    architecture = Architecture(vocabulary_size=vocabulary, embedding_size=embedding, hidden_sizes=tuple(hidden))
    weights = random_weights(architecture, seed)
    decoded = decode_weights(encode_weights(weights), architecture)
    assert list(decoded) == list(architecture.weight_shapes())
    for name, weight in weights.items():
        np.testing.assert_array_equal(decoded[name], weight, strict=True)


def test_any_reader_of_the_format_reads_them(bundle: Bundle) -> None:
    for name, weight in safetensors.numpy.load(encode_weights(bundle.weights)).items():
        np.testing.assert_array_equal(weight, bundle.weights[name], strict=True)


def test_a_weight_that_lies_turned_in_memory_is_written_as_it_reads(bundle: Bundle) -> None:
    turned = {name: np.asfortranarray(weight) for name, weight in bundle.weights.items()}
    assert encode_weights(turned) == encode_weights(bundle.weights)


def test_decoded_weights_are_views_that_cannot_be_changed(bundle: Bundle) -> None:
    data = encode_weights(bundle.weights)
    weights = decode_weights(data, bundle.architecture)
    assert not any(weight.flags.writeable or weight.flags.owndata for weight in weights.values())


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_refused(bundle: Bundle, data: bytes) -> None:
    with pytest.raises(BundleError, match=r"`weights\.safetensors` must"):
        decode_weights(data, bundle.architecture)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_of_the_header_is_refused_or_means_the_same(bundle: Bundle, place: int, change: int) -> None:
    data = bytearray(encode_weights(bundle.weights))
    data[place % (8 + int.from_bytes(data[:8], "little"))] ^= change
    try:
        weights = decode_weights(bytes(data), bundle.architecture)
    except BundleError:
        return
    for name, weight in bundle.weights.items():
        np.testing.assert_array_equal(weights[name], weight)
