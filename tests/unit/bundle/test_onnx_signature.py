import pytest

from nextword.architecture import Architecture
from nextword.bundle.onnx_signature import next_name, state_widths


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("lstm", ["hidden_0", "cell_0", "hidden_1", "cell_1"]),
        ("mogrifier_lstm", ["hidden_0", "cell_0", "hidden_1", "cell_1"]),
        ("gru", ["hidden_0", "hidden_1"]),
        ("rnn", ["hidden_0", "hidden_1"]),
    ],
)
def test_a_state_has_what_the_cell_carries(cell: str, names: list[str]) -> None:
    table = {"vocabulary_size": 9, "embedding_size": 2, "hidden_sizes": (4, 3), "cell": cell}
    widths = state_widths(Architecture.from_table(table))
    assert list(widths) == names
    assert all(width == (4 if name.endswith("0") else 3) for name, width in widths.items())


def test_what_comes_out_is_named_after_what_went_in() -> None:
    assert next_name("cell_0") == "next_cell_0"
