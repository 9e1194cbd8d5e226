"""The test that a model passes before the service answers with it."""

import numpy as np

from nextword.engine.engine import read_text
from nextword.engine.text_model import TextModel
from nextword.errors import BundleError
from nextword.generation.batch import generate_texts
from nextword.generation.request import Request
from nextword.generation.sampling import SamplingOptions

_NUM_TOKENS = 64
_TOLERANCE = 1e-3


def self_test(model: TextModel) -> None:
    """Raise unless a model gives finite and normalized log-probabilities, reads its own text, and writes a token.

    Raises:
        BundleError: It does not.
    """
    ids = _some_tokens(model)
    for text in ([], ids):
        _check_log_probs(read_text(model.engine, text)[0][0])
    _check_tokenizer(model, ids)
    (written,) = generate_texts(model, [""], Request(max_tokens=1, sampling=SamplingOptions(temperature=0.0)))
    if len(written.ids) != 1 or not 0 <= written.ids[0] < model.tokenizer.vocabulary_size:
        raise BundleError(f"the model must write a token of its vocabulary, but writes {list(written.ids)[:3]}")


def _some_tokens(model: TextModel) -> list[int]:
    vocabulary = model.tokenizer.vocabulary
    specials = {vocabulary.unknown_id, vocabulary.end_id}
    return [token_id for token_id in range(min(len(vocabulary), _NUM_TOKENS)) if token_id not in specials]


def _check_log_probs(log_probs: np.ndarray[tuple[int], np.dtype[np.float32]]) -> None:
    if not np.isfinite(log_probs).all():
        raise BundleError("the log-probabilities of the model must be finite, but are not; train the model again")
    total = float(np.exp(log_probs.astype(np.float64)).sum())
    if abs(total - 1) > _TOLERANCE:
        raise BundleError(f"the probabilities of the model must sum to 1, but sum to {total:.4f}; export it again")


def _check_tokenizer(model: TextModel, ids: list[int]) -> None:
    """Check that some token is read as it is written. Not all are: the spaces of a mark depend on its neighbors."""
    tokenizer = model.tokenizer
    if ids and not any(tokenizer.encode(tokenizer.decode([token_id])) == [token_id] for token_id in ids):
        shown = tokenizer.decode(ids)[:40]
        raise BundleError(f"the tokenizer must read what it writes, but reads no token of {shown!a} again; use its own")
