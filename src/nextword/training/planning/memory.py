"""Estimates the memory of a training run from its sizes."""

from nextword.model.architecture import Architecture
from nextword.text.options import BatchOptions

# Python with Keras and JAX, the programs that XLA compiles, and the chunks of a step.
_BASE = 800 * 10**6
# Weight, gradient and Adam's two averages in float32, and copies for the matrix products, some transposed.
_BYTES_PER_PARAMETER = 24
# Float32 values that the recurrence keeps for its gradient: three times four gates, hidden state and cell state.
_VALUES_PER_UNIT = 14
# Float32 values for each token of the softmax and each word of a batch if there is a teacher: logits, probabilities
# and gradients of the model, logits and log-probabilities of the teacher. JAX prepares a step during another.
_VALUES_PER_PROBABILITY = 10


def training_memory_bytes(
    architecture: Architecture,
    batching: BatchOptions,
    teacher: Architecture | None = None,
    num_candidates: int | None = None,
) -> int:
    """Estimate the memory of a training run on a CPU in bytes; the estimate is rather too high than too low.

    Measured on an x86 processor with JAX 0.12: 0.8 GB for the preset `quick`, 1.0 for `tutorial`, 2.2 for `large`. With
    a teacher of its own size, `quick` takes 1.0 to 1.3 GB.
    """
    words = batching.batch_size * batching.num_steps
    recurrence = 4 * _VALUES_PER_UNIT * words * sum(architecture.hidden_sizes)
    own = _BASE + _BYTES_PER_PARAMETER * architecture.num_parameters + recurrence
    size = architecture.vocabulary_size
    num_classes = min(size, num_candidates + words) if num_candidates else size
    if teacher is None:
        return own
    return own + 4 * teacher.num_parameters + 4 * _VALUES_PER_PROBABILITY * words * num_classes
