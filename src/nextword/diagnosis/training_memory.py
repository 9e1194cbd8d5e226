"""How much memory a training takes, about."""

from nextword.architecture import Architecture
from nextword.batching.options import BatchOptions

# Python with Keras and JAX, the programs that XLA compiles, and the chunks that a step works in.
_BASE = 800 * 10**6
# Weight, gradient and Adam's two averages in float32, and copies for the products, some of them transposed.
_BYTES_PER_PARAMETER = 24
# Float32 values that the recurrence keeps for its gradient: four gates thrice over, hidden state and cell.
_VALUES_PER_UNIT = 14


def training_memory_bytes(architecture: Architecture, batching: BatchOptions) -> int:
    """Return about how many bytes training takes on a processor, rather too many than too few.

    Measured on an x86 processor with JAX 0.12: 0.8 GB for the preset `quick`, 1.0 for `tutorial`, 2.2 for `large`.

    Example:
        >>> quick = Architecture(vocabulary_size=10_000, embedding_size=160, hidden_sizes=(320, 160), tied=True)
        >>> training_memory_bytes(quick, BatchOptions()) // 10**6
        890
    """
    cells = batching.batch_size * batching.num_steps
    recurrence = 4 * _VALUES_PER_UNIT * cells * sum(architecture.hidden_sizes)
    return _BASE + _BYTES_PER_PARAMETER * architecture.num_parameters + recurrence
