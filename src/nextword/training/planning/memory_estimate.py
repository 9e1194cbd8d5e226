"""How much memory a training run takes, estimated from its sizes."""

from collections.abc import Sequence

from nextword.model.architecture import Architecture
from nextword.text.options import BatchOptions

# Python with Keras and JAX, the programs that XLA compiles, and the chunks of a step.
_BASE = 800 * 10**6
# Weight, gradient and Adam's two averages in float32, and copies for the matrix products, some transposed.
_BYTES_PER_PARAMETER = 24
# Float32 values that the recurrence keeps for its gradient: three times four gates, hidden state and cell state.
_VALUES_PER_UNIT = 14
# Float32 values for each token of the vocabulary and each word of a batch if there is a teacher: logits, probabilities
# and gradients of the model, then logits and log-probabilities of each member. JAX prepares a step during another.
_VALUES_PER_PROBABILITY = 8
_VALUES_PER_MEMBER = 2
_BYTES_PER_FIXED_PARAMETER = 4


def training_memory_bytes(
    architecture: Architecture, batching: BatchOptions, teachers: Sequence[Architecture] = ()
) -> int:
    """Estimate the memory of a training run on a CPU in bytes; the estimate is rather too high than too low.

    Measured on an x86 processor with JAX 0.12: 0.8 GB for the preset `quick`, 1.0 for `tutorial`, 2.2 for `large`. With
    a teacher of its own size, `quick` takes 1.0 to 1.3 GB, with a mixture of two 1.1 to 1.8.

    Args:
        architecture: The model.
        batching: How the text is cut into windows.
        teachers: The members of the teacher. Their probabilities for a whole window are in memory.

    Example:
        >>> quick = Architecture(vocabulary_size=10_000, embedding_size=160, hidden_sizes=(320, 160), tied=True)
        >>> training_memory_bytes(quick, BatchOptions()) // 10**6
        890
        >>> training_memory_bytes(quick, BatchOptions(), [quick]) // 10**6
        1349
    """
    words = batching.batch_size * batching.num_steps
    recurrence = 4 * _VALUES_PER_UNIT * words * sum(architecture.hidden_sizes)
    own = _BASE + _BYTES_PER_PARAMETER * architecture.num_parameters + recurrence
    return own + (_teacher_memory_bytes(teachers, words) if teachers else 0)


def _teacher_memory_bytes(teachers: Sequence[Architecture], words: int) -> int:
    weights = _BYTES_PER_FIXED_PARAMETER * sum(each.num_parameters for each in teachers)
    values = _VALUES_PER_PROBABILITY + _VALUES_PER_MEMBER * len(teachers)
    return weights + 4 * values * words * teachers[0].vocabulary_size
