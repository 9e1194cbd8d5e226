import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.bundle.config import BundleConfig, TokenizerConfig, decode_config, encode_config
from nextword.errors import BundleError
from nextword.model.architecture import Architecture

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
