"""What `model.onnx` takes and gives: the one thing that its exporter and its engine agree on.

With `L` layers, and the state of each layer after the ONNX operators' own shape:

    tokens           (B, T)     int32     ids that are read
    hidden_0 ...     (1, B, H)  float32   hidden states before the first of them, one a layer
    cell_0 ...       (1, B, H)  float32   the cells; a GRU and a simple recurrence have none

    log_probs        (B, T, V)  float32   natural logarithm of the probability of each token that may follow
    hidden           (B, T, H)  float32   what the projection reads, for caches
    next_hidden_0 ... next_cell_0 ...     the state after the last token
"""

from nextword.architecture import Architecture

TOKENS = "tokens"
LOG_PROBS = "log_probs"
HIDDEN = "hidden"

OPSET = 17
"""Of the operators, which has been known to ONNX since 2022."""

OLDEST_ONNXRUNTIME = (1, 23)
"""What the extra `run` asks for; older ones were not tried."""

_WITHOUT_CELL = ("gru", "rnn")


def state_widths(architecture: Architecture) -> dict[str, int]:
    """Return the names of the arrays that make up a state, in order, and the width `H` of each.

    Example:
        >>> state_widths(Architecture(vocabulary_size=9, embedding_size=2, hidden_sizes=(4, 3)))
        {'hidden_0': 4, 'cell_0': 4, 'hidden_1': 3, 'cell_1': 3}
    """
    kinds = ("hidden",) if architecture.cell in _WITHOUT_CELL else ("hidden", "cell")
    return {f"{kind}_{index}": width for index, width in enumerate(architecture.hidden_sizes) for kind in kinds}


def next_name(name: str) -> str:
    """Return the name of what `name` has become after the last token."""
    return f"next_{name}"
