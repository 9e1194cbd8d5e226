"""Word and character errors, counted by jiwer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nextword.errors import MissingExtraError
from nextword.rescoring.features import Integers


class EditCounts(NamedTuple):
    """How far texts are from what was said.

    Attributes:
        errors: Substitutions, deletions and insertions of each text `(n,)`.
        length: Length of the reference, in words or characters.
    """

    errors: Integers
    length: int


def word_errors(reference: str, hypotheses: Sequence[str]) -> EditCounts:
    """Count the errors of each hypothesis in words, which stand between spaces; case and punctuation count.

    Raises:
        MissingExtraError: jiwer is not installed.

    Example:
        >>> word_errors("the cat sat", ["the cat sat", "a cat", ""]).errors.tolist()
        [0, 2, 3]
    """
    return _edits(_jiwer().process_words([reference] * len(hypotheses), list(hypotheses)))


def character_errors(reference: str, hypotheses: Sequence[str]) -> EditCounts:
    """Count the errors of each hypothesis in characters, spaces included.

    Raises:
        MissingExtraError: jiwer is not installed.
    """
    return _edits(_jiwer().process_characters([reference] * len(hypotheses), list(hypotheses)))


def _edits(output: Any) -> EditCounts:
    errors = [sum(map(_num_edits, alignment)) for alignment in output.alignments]
    return EditCounts(np.array(errors, np.int64), len(output.references[0]))


def _num_edits(chunk: Any) -> int:
    if chunk.type == "equal":
        return 0
    return int(max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx))


def _jiwer() -> Any:
    try:
        import jiwer
    except ImportError as error:
        raise MissingExtraError(
            f"counting word errors needs jiwer, but `{error.name}` is missing; install `nextword[rescore]`"
        ) from error
    return jiwer
