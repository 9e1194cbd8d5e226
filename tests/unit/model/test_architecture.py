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


def test_layer_normalization_has_gains_and_the_bias_of_the_cell() -> None:
    model = architecture(layer_normalization=True)
    assert layer_shapes(model, 1)[3:] == [
        ("input_gain", (24,)),
        ("recurrent_gain", (24,)),
        ("cell_gain", (6,)),
        ("cell_bias", (6,)),
    ]
    assert model.num_parameters == architecture().num_parameters + 10 * (5 + 6)


def test_a_mogrifier_has_matrices_for_every_round() -> None:
    full = architecture(cell="mogrifier_lstm", mogrifier_rounds=3)
    assert layer_shapes(full, 0)[3:] == [
        ("modulation_1_kernel", (5, 4)),
        ("modulation_1_bias", (4,)),
        ("modulation_2_kernel", (4, 5)),
        ("modulation_2_bias", (5,)),
        ("modulation_3_kernel", (5, 4)),
        ("modulation_3_bias", (4,)),
    ]
    assert full.num_parameters == architecture().num_parameters + (3 * 20 + 13) + (3 * 30 + 16)
    factored = architecture(cell="mogrifier_lstm", mogrifier_rounds=2, mogrifier_rank=3)
    assert layer_shapes(factored, 0)[3:] == [
        ("modulation_1_left", (5, 3)),
        ("modulation_1_right", (3, 4)),
        ("modulation_1_bias", (4,)),
        ("modulation_2_left", (4, 3)),
        ("modulation_2_right", (3, 5)),
        ("modulation_2_bias", (5,)),
    ]
    assert factored.num_parameters == architecture().num_parameters + 2 * 3 * (9 + 11) + 9 + 11


def test_a_tied_model_has_no_projection_kernel() -> None:
    free, tied = architecture(hidden_sizes=(5, 4)), architecture(hidden_sizes=(5, 4), tied=True)
    assert free.weight_shapes().keys() - tied.weight_shapes().keys() == {"projection/kernel"}
    assert free.num_parameters - tied.num_parameters == 4 * 10


def test_an_adaptive_softmax_has_a_head_and_increasingly_narrow_tails() -> None:
    model = architecture(hidden_sizes=(5, 64), adaptive_cutoffs=(2, 5, 9), adaptive_factor=3.0)
    assert (model.tail_sizes, model.tail_widths) == ((3, 4, 1), (21, 8, 8))
    projection = {name: shape for name, shape in model.weight_shapes().items() if name.startswith("projection/")}
    assert list(projection.items()) == [
        ("projection/head_kernel", (64, 5)),
        ("projection/head_bias", (5,)),
        ("projection/tail_0_projection", (64, 21)),
        ("projection/tail_0_kernel", (21, 3)),
        ("projection/tail_0_bias", (3,)),
        ("projection/tail_1_projection", (64, 8)),
        ("projection/tail_1_kernel", (8, 4)),
        ("projection/tail_1_bias", (4,)),
        ("projection/tail_2_projection", (64, 8)),
        ("projection/tail_2_kernel", (8, 1)),
        ("projection/tail_2_bias", (1,)),
    ]
    full = architecture(hidden_sizes=(5, 64))
    assert (full.tail_sizes, full.tail_widths) == ((), ())
    assert model.num_parameters - full.num_parameters == sum(map(math.prod, projection.values())) - 65 * 10


def test_no_tail_is_wider_than_the_hidden_state() -> None:
    assert architecture(hidden_sizes=(6,), adaptive_cutoffs=(2, 5), adaptive_factor=1.0).tail_widths == (6, 6)
    assert architecture(hidden_sizes=(6,), adaptive_cutoffs=(2, 5), adaptive_factor=4.0).tail_widths == (6, 6)


def test_a_mixture_has_a_prior_and_latent_vectors_as_wide_as_the_embedding() -> None:
    shapes = {
        "projection/prior_kernel": (6, 3),
        "projection/latent_kernel": (6, 3 * 4),
        "projection/latent_bias": (3 * 4,),
        "projection/kernel": (4, 10),
        "projection/bias": (10,),
    }
    assert projection_of(architecture(mixture_size=3)) == list(shapes.items())
    del shapes["projection/kernel"]
    assert projection_of(architecture(mixture_size=3, tied=True)) == list(shapes.items())
    assert projection_of(architecture(mixture_size=1)) == projection_of(architecture())


def test_a_narrowed_output_has_the_width_of_the_embedding() -> None:
    narrowing = ("projection/narrowing_kernel", (6, 4))
    own, bias = ("projection/kernel", (4, 10)), ("projection/bias", (10,))
    assert projection_of(architecture(narrowed_output=True)) == [narrowing, own, bias]
    assert projection_of(architecture(narrowed_output=True, tied=True)) == [narrowing, bias]


def projection_of(model: Architecture) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, shape) for name, shape in model.weight_shapes().items() if name.startswith("projection/")]


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
        ({"adaptive_cutoffs": (0, 3)}, "`adaptive_cutoffs` must be at least 1, but is 0"),
        ({"adaptive_cutoffs": (3, 3)}, "`adaptive_cutoffs` must increase from each id to the next, but are [3, 3]"),
        ({"adaptive_cutoffs": (4, 10)}, "in the vocabulary, 10, but the last is 10; remove or lower it"),
        ({"adaptive_cutoffs": tuple(range(1, 18)), "vocabulary_size": 99}, "must be at most 16 ids, but are 17"),
        ({"adaptive_cutoffs": (4,), "tied": True, "hidden_sizes": (4,)}, "`adaptive_cutoffs` need `tied` to be off"),
        ({"adaptive_cutoffs": (4,), "mixture_size": 2}, "need a plain output, but `mixture_size` is 2; remove one"),
        ({"adaptive_cutoffs": (4,), "narrowed_output": True}, "need a plain output, but `narrowed_output` is true"),
        ({"mixture_size": 0}, "`mixture_size` must be at least 1, but is 0"),
        ({"mixture_size": 65}, "`mixture_size` must be at most 64"),
        ({"mixture_size": 2, "narrowed_output": True}, "needs a single softmax, but `mixture_size` is 2"),
        ({"latent_dropout_rate": 0.3}, "`latent_dropout_rate` needs the latent vectors of a mixture"),
        ({"adaptive_factor": 0.5}, "`adaptive_factor` must be at least 1.0"),
        ({"adaptive_factor": 2000}, "`adaptive_factor` must be at most 1024.0"),
        ({"cell": "gru", "cap_input_gate": True}, "`cap_input_gate` needs the cell lstm or mogrifier_lstm, but"),
        ({"cell": "rnn", "layer_normalization": True}, "`layer_normalization` needs the cell lstm, but `cell` is rnn"),
        ({"cell": "gru", "state_modulation": True}, "`state_modulation` needs the cell lstm, but `cell` is gru"),
        ({"state_modulation": True, "layer_normalization": True}, "must not both be on, but are; turn one of them off"),
        ({"cell": "mogrifier_lstm", "layer_normalization": True}, "needs the cell lstm, but `cell` is mogrifier_lstm"),
        ({"mogrifier_rank": 4}, "`mogrifier_rank` needs the cell mogrifier_lstm, but `cell` is lstm; change `cell`"),
        ({"skip_connections": True}, "need equal `hidden_sizes`, but they are [5, 6]; make them equal or turn"),
        ({"cell": "qrnn"}, "`cell` must be one of lstm, mogrifier_lstm, gru, rnn"),
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
