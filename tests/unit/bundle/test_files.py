"""The files of a bundle: sizes, `config.json` and `weights.safetensors`."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.bundle import files
from nextword.bundle.bundle import Bundle
from nextword.bundle.files import (
    BundleConfig,
    TokenizerConfig,
    decode_config,
    decode_weights,
    encode_config,
    encode_weights,
)
from nextword.errors import BundleError, SettingError
from nextword.model.architecture import Architecture
from support.random_weights import random_weights

ARCHITECTURE = Architecture(vocabulary_size=10, embedding_size=2, hidden_sizes=(2,))
NUM_BYTES = 4 * ARCHITECTURE.num_parameters
SIZES = {"config.json": 300, "vocabulary.json": 300, "weights.safetensors": NUM_BYTES + 500, "README.md": 10}
SLIM = {"config.json": 300, "vocabulary.json": 300, "model.onnx": NUM_BYTES, "README.md": 10}


def test_the_files_of_a_bundle_are_taken_with_and_without_onnx() -> None:
    files.check_names(SIZES)
    files.check_names({**SIZES, "model.onnx": 1})
    files.check_sizes(SIZES, ARCHITECTURE)


def test_a_slim_bundle_holds_onnx_in_place_of_the_weights() -> None:
    files.check_names(SLIM)
    files.check_sizes(SLIM, ARCHITECTURE)
    with pytest.raises(BundleError, match=r"must hold `weights\.safetensors` or `model\.onnx`, but holds neither"):
        files.check_names({name: 0 for name in SLIM if name != "model.onnx"})
    for name in ("config.json", "vocabulary.json", "README.md"):
        with pytest.raises(BundleError, match=f"must hold `{name}`, but does not"):
            files.check_names({other: 0 for other in SLIM if other != name})


def test_onnx_too_short_for_the_architecture_is_refused_where_it_is_the_model() -> None:
    files.check_sizes({**SIZES, "model.onnx": 1}, ARCHITECTURE)
    files.check_sizes({**SLIM, "model.onnx": NUM_BYTES // 4}, ARCHITECTURE)
    with pytest.raises(BundleError, match=rf"`model\.onnx` must hold the architecture's {NUM_BYTES // 4} weights"):
        files.check_sizes({**SLIM, "model.onnx": NUM_BYTES // 4 - 1}, ARCHITECTURE)
    with pytest.raises(BundleError, match=r"`model\.onnx` must be at most"):
        files.check_sizes({**SLIM, "model.onnx": 2**20 + 2 * NUM_BYTES + 1}, ARCHITECTURE)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("README.md", 2**20),
        ("vocabulary.json", 2**16 + 10 * 1024),
        ("weights.safetensors", 8 + 2**16 + NUM_BYTES),
        ("mixture.json", 2**12 + 64 * 3),
        ("ngrams.bin", NUM_BYTES // 4),
    ],
)
def test_a_file_longer_than_the_architecture_can_need_is_refused(name: str, limit: int) -> None:
    files.check_sizes({**SIZES, name: limit}, ARCHITECTURE)
    with pytest.raises(BundleError, match=f"`{name}` must be at most {limit} bytes long, but is {limit + 1}"):
        files.check_sizes({**SIZES, name: limit + 1}, ARCHITECTURE)


def test_weights_too_short_for_the_architecture_are_refused() -> None:
    files.check_sizes({**SIZES, "weights.safetensors": 8 + NUM_BYTES}, ARCHITECTURE)
    with pytest.raises(BundleError, match=f"must hold the {NUM_BYTES} bytes"):
        files.check_sizes({**SIZES, "weights.safetensors": 7 + NUM_BYTES}, ARCHITECTURE)


def test_onnx_may_be_as_long_as_its_architecture_needs_and_no_longer() -> None:
    most = 2**20 + 2 * NUM_BYTES
    files.check_sizes({**SIZES, "model.onnx": most}, ARCHITECTURE)
    with pytest.raises(BundleError, match=rf"`model\.onnx` must be at most {most} bytes long, but is {most + 1}"):
        files.check_sizes({**SIZES, "model.onnx": most + 1}, ARCHITECTURE)


def test_a_model_that_no_bundle_can_hold_is_refused_before_it_is_trained() -> None:
    largest = ARCHITECTURE.replace(vocabulary_size=2**21, embedding_size=512)
    files.require_storable(largest.replace(vocabulary_size=2**20))
    with pytest.raises(SettingError, match=r"must take at most 4\.3 GB, but its 1,.* weights take 4\.[34]"):
        files.require_storable(largest)


CONFIG = BundleConfig(
    "tiny",
    Architecture(vocabulary_size=6, embedding_size=3, hidden_sizes=(4, 4)),
    TokenizerConfig(kind="word", line_ends="paragraph"),
)
TABLE: dict[str, Any] = json.loads(encode_config(CONFIG))

rates = st.floats(0, 1, exclude_max=True)


@settings(deadline=None)
@given(
    st.builds(
        Architecture,
        vocabulary_size=st.integers(2, 2**22),
        embedding_size=st.integers(1, 2**14),
        hidden_sizes=st.lists(st.integers(1, 2**14), min_size=1, max_size=16).map(tuple),
        input_dropout_rate=rates,
        hidden_dropout_rate=rates,
        output_dropout_rate=rates,
        forget_bias=st.floats(-10, 10),
        initializer=st.sampled_from(["glorot", "uniform"]),
    )
)
def test_every_architecture_is_read_as_it_was_written(architecture: Architecture) -> None:
    config = replace(CONFIG, architecture=architecture)
    assert decode_config(encode_config(config)) == config


def test_the_table_is_the_documented_one() -> None:
    assert list(TABLE) == ["format", "name", "architecture", "tokenizer"]
    assert TABLE["tokenizer"] == {"kind": "word", "line_ends": "paragraph"}
    assert TABLE["architecture"]["hidden_sizes"] == [4, 4]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.sampled_from([(), ("architecture",), ("tokenizer",)]), st.data())
def test_a_value_of_any_kind_in_any_place_is_taken_or_refused(place: tuple[str, ...], data: st.DataObject) -> None:
    table = json.loads(json.dumps(TABLE))
    inner = table[place[0]] if place else table
    inner[data.draw(st.sampled_from(sorted(inner)) | st.text(max_size=5))] = data.draw(json_values)
    try:
        config = decode_config(json.dumps(table).encode())
    except BundleError:
        return
    assert decode_config(encode_config(config)) == config


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
