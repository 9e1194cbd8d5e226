"""The recurrent layer that an architecture asks for."""

from typing import Any

from nextword.architecture import Architecture
from nextword.layers.gru import GRU
from nextword.layers.initialization import Initialization
from nextword.layers.lstm import LSTM
from nextword.layers.mogrifier_lstm import MogrifierLSTM
from nextword.layers.recurrence import Recurrence
from nextword.layers.rnn import RNN


def make_recurrent_layer(
    architecture: Architecture,
    index: int,
    *,
    initialization: Initialization | None = None,
    compute_dtype: str = "float32",
) -> Recurrence:
    """Return the recurrent layer `index` of an architecture, named as in `Architecture.weight_shapes`."""
    options: dict[str, Any] = {
        "state_dropout_rate": architecture.state_dropout_rate,
        "weight_drop_rate": architecture.weight_drop_rate,
        "initialization": initialization,
        "compute_dtype": compute_dtype,
        "name": f"{architecture.cell}_{index}",
    }
    hidden_size = architecture.hidden_sizes[index]
    if architecture.cell == "rnn":
        return RNN(hidden_size, **options)
    if architecture.cell == "gru":
        return GRU(hidden_size, **options)
    options |= {"forget_bias": architecture.forget_bias, "cap_input_gate": architecture.cap_input_gate}
    if architecture.cell == "mogrifier_lstm":
        rounds, rank = architecture.mogrifier_rounds, architecture.mogrifier_rank
        return MogrifierLSTM(hidden_size, num_rounds=rounds, rank=rank, **options)
    return LSTM(hidden_size, layer_normalization=architecture.layer_normalization, **options)
