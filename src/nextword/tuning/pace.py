"""How many epochs of a trial fill the minutes that it is given."""

from nextword.batching.window import Windows
from nextword.training.config import RunConfig
from nextword.training.speed import measure_training

_SECONDS_MEASURED = 3.0
_VALIDATION_COST = 0.5
"""Of a word that is validated, in words that are trained."""
_FEWEST_EPOCHS = 0.001


def measured_speed(config: RunConfig) -> float:
    """Return the words a second that the model of resolved settings trains on here, from some seconds of training."""
    return measure_training(
        config, "bfloat16" if config.training.compute_dtype == "bfloat16" else "float32", seconds=_SECONDS_MEASURED
    ).words_per_second


def epochs_in(minutes: float, words_per_second: float, windows: Windows, validated_words: int) -> float:
    """Return the epochs that training with validation does in so many minutes, compiling aside.

    Args:
        minutes: The time.
        words_per_second: The speed of training.
        windows: The training windows.
        validated_words: Words that are validated in all rounds together.
    """
    words = minutes * 60 * words_per_second - validated_words * _VALIDATION_COST
    return max(_FEWEST_EPOCHS, words / (windows.steps_per_epoch * windows.batch_size * windows.num_steps))
