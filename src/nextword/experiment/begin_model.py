"""What a model knows of its text before the first step."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.models.language_model import LanguageModel
from nextword.text.corpus import TrainingText
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.options import TrainingOptions

_COUNTED_AT_ONCE = 2**20


def begin_model(model: LanguageModel, text: TrainingText, options: TrainingOptions, store: CheckpointStore) -> float:
    """Give a new model the weights that `options.start` asks for.

    A model that has learned already, and one whose training goes on from a checkpoint, stay as they are.

    Returns:
        The seconds that this took, which are time of the training.
    """
    if options.start == "random" or not model.is_new or store.newest() is not None:
        return 0.0
    from nextword.training.informed_start import start_informed

    began = time.monotonic()
    start_informed(model, text.train.ids, token_counts(text))
    return time.monotonic() - began


def token_counts(text: TrainingText) -> NDArray[np.integer[Any]]:
    """Return how often each token occurs in the training text, in pieces, since the text may exceed the memory."""
    ids, size = text.train.ids, text.tokenizer.vocabulary_size
    counts = np.zeros(size, np.int64)
    for begin in range(0, len(ids), _COUNTED_AT_ONCE):
        counts += np.bincount(ids[begin : begin + _COUNTED_AT_ONCE], minlength=size)
    return counts
