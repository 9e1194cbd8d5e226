"""A text of two sentences, and settings with which a tiny model learns it in a second."""

from typing import Any

SMALL_RUN_SETTINGS: dict[str, Any] = {
    "embedding_size": 12,
    "hidden_sizes": (16, 12),
    "input_dropout_rate": 0.0,
    "output_dropout_rate": 0.0,
    "compute_dtype": "float32",
    "schedule": "constant",
    "batch_size": 4,
    "num_steps": 10,
    "learning_rate": 0.02,
    "start": "random",  # two sentences in turn have no statistics to begin with
}


def small_run_text() -> str:
    return "\n".join(["the cat drinks milk .", "a dog eats bones ."] * 200) + "\n"
