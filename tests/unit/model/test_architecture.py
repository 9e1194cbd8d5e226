import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.model.architecture import Architecture, ModelOptions


def architecture(**changes: Any) -> Architecture:
    return Architecture(**{"vocabulary_size": 10, "embedding_size": 4, "hidden_sizes": (5, 6), **changes})


def test_the_weights_have_their_documented_names_and_shapes() -> None:
    assert list(architecture().weight_shapes().items()) == [
        ("embedding/embeddings", (10, 4)),
        ("lstm_0/kernel", (4, 20)),
        ("lstm_0/recurrent_kernel", (5, 20)),
        ("lstm_0/bias", (20,)),
        ("lstm_1/kernel", (5, 24)),
        ("lstm_1/recurrent_kernel", (6, 24)),
        ("lstm_1/bias", (24,)),
        ("projection/kernel", (6, 10)),
        ("projection/bias", (10,)),
    ]


def layer_shapes(model: Architecture, index: int) -> list[tuple[str, tuple[int, ...]]]:
    prefix = f"{model.cell}_{index}/"
    shapes = model.weight_shapes().items()
    return [(name.removeprefix(prefix), shape) for name, shape in shapes if name.startswith(prefix)]


@pytest.mark.parametrize(("cell", "num_gates"), [("gru", 3), ("rnn", 1)])
def test_a_layer_for_comparison_has_fewer_gates(cell: str, num_gates: int) -> None:
    model = architecture(cell=cell)
    assert layer_shapes(model, 0) == [
        ("kernel", (4, num_gates * 5)),
        ("recurrent_kernel", (5, num_gates * 5)),
        ("bias", (num_gates * 5,)),
    ]
    # embedding, two layers, projection
    assert model.num_parameters == 40 + num_gates * (5 * (4 + 5 + 1) + 6 * (5 + 6 + 1)) + 70


def test_a_modulated_state_has_a_kernel_and_a_bias() -> None:
    model = architecture(state_modulation=True)
    assert layer_shapes(model, 1)[3:] == [("modulation_kernel", (5, 6)), ("modulation_bias", (6,))]
    assert model.num_parameters == architecture().num_parameters + (4 + 1) * 5 + (5 + 1) * 6


def test_a_tied_model_has_no_projection_kernel() -> None:
    free, tied = architecture(hidden_sizes=(5, 4)), architecture(hidden_sizes=(5, 4), tied=True)
    assert free.weight_shapes().keys() - tied.weight_shapes().keys() == {"projection/kernel"}
    assert free.num_parameters - tied.num_parameters == 4 * 10


sizes = st.integers(1, 2**14)


@settings(deadline=None)
@given(st.integers(2, 2**22), sizes, st.lists(sizes, min_size=1, max_size=16).map(tuple))
def test_the_number_of_parameters_matches_the_formula(
    vocabulary_size: int, embedding_size: int, hidden_sizes: tuple[int, ...]
) -> None:
    model = Architecture(vocabulary_size=vocabulary_size, embedding_size=embedding_size, hidden_sizes=hidden_sizes)
    input_sizes = (embedding_size, *hidden_sizes[:-1])
    layers = sum(4 * h * (e + h + 1) for e, h in zip(input_sizes, hidden_sizes, strict=True))
    expected = vocabulary_size * embedding_size + layers + (hidden_sizes[-1] + 1) * vocabulary_size
    assert model.num_parameters == expected
    assert all(math.prod(shape) > 0 for shape in model.weight_shapes().values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocabulary_size": 1}, "`vocabulary_size` must be at least 2, but is 1"),
        ({"vocabulary_size": 2**22 + 1}, "`vocabulary_size` must be at most 4194304"),
        ({"embedding_size": 0}, "`embedding_size` must be at least 1, but is 0"),
        ({"embedding_size": 2**14 + 1}, "`embedding_size` must be at most 16384"),
        ({"hidden_sizes": (5, 0)}, "`hidden_sizes` must be at least 1, but is 0"),
        ({"hidden_sizes": (2**14 + 1,)}, "`hidden_sizes` must be at most 16384"),
        ({"hidden_sizes": ()}, "`hidden_sizes` must be a list with at least one element"),
        ({"hidden_sizes": (1,) * 17}, "`hidden_sizes` must have at most 16 layers, but has 17"),
        ({"tied": True}, "`tied` needs a last layer as wide as the embedding, but it is 6 wide and the embedding 4"),
        ({"cell": "gru", "state_modulation": True}, "`state_modulation` needs the cell lstm, but `cell` is gru"),
        ({"cell": "qrnn"}, "`cell` must be one of lstm, gru, rnn"),
        ({"input_dropout_rate": 1.0}, "`input_dropout_rate` must be below 1.0"),
        ({"hidden_dropout_rate": -0.1}, "`hidden_dropout_rate` must be at least 0.0"),
        ({"output_dropout_rate": 1.5}, "`output_dropout_rate` must be below 1.0"),
        ({"forget_bias": 11}, "`forget_bias` must be at most 10.0"),
        ({"initializer": "zeros"}, "`initializer` must be one of glorot, uniform"),
        ({"initializer_scale": -1.0}, "`initializer_scale` must be at least 0.0"),
    ],
)
def test_a_value_out_of_its_range_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as error:
        architecture(**changes)
    assert message in str(error.value)


def test_the_largest_architecture_is_cheap_to_describe() -> None:
    largest = Architecture(vocabulary_size=2**22, embedding_size=2**14, hidden_sizes=(2**14,) * 16)
    assert largest.num_parameters > 10**11
    assert len(largest.weight_shapes()) == 3 * 16 + 3


def test_options_and_a_vocabulary_make_an_architecture() -> None:
    options = ModelOptions(embedding_size=8, hidden_sizes=(6, 8), tied=True, weight_drop_rate=0.25)
    architecture = options.build(vocabulary_size=30)
    assert architecture == Architecture(
        vocabulary_size=30, embedding_size=8, hidden_sizes=(6, 8), tied=True, weight_drop_rate=0.25
    )
    assert architecture.options == options
    assert list(architecture.to_table()) == ["vocabulary_size", *options.to_table()]
    assert Architecture.from_table(architecture.to_table()) == architecture
    assert options.replace(tied=False).build(30).options != options
    with pytest.raises(SettingError, match="`vocabulary_size` must be at least 2, but is 1"):
        options.build(1)
