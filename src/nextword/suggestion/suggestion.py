"""What may come next: the most probable words after a text."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, read_text
from nextword.errors import SettingError
from nextword.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Suggestion:
    """A word that may come next.

    Attributes:
        text: The word, or the mark, as shown to a person; for a model of characters the character.
        probability: That it comes next, whatever spaces stand beside it.
    """

    text: str
    probability: float


def suggest(engine: Engine, tokenizer: Tokenizer, text: str, k: int = 5) -> list[Suggestion]:
    r"""Return the `k` most probable words after a text, the most probable first.

    Neither `<unk>` nor `<eos>` is among them, so that the probabilities of all suggestions sum to less than one. Marks
    that differ in the spaces beside them alone, such as `","` and `", "`, are one suggestion. A space at the end of the
    text changes nothing, but for a model of characters, which reads it as any other character.

    Args:
        engine: The model at work.
        tokenizer: The model's.
        text: What has been said; empty for the beginning of a text.
        k: How many to return; fewer where the vocabulary has no more.

    Raises:
        SettingError: `k` is below 1.
        TextError: The text is refused by the tokenizer.
    """
    if k < 1:
        raise SettingError(f"`k` must be at least 1, but is {k}")
    said = text if tokenizer.kind == "character" else text.rstrip(" \t")
    log_probs, _ = read_text(engine, tokenizer.encode_prompt(said))
    return _most_probable(np.exp(log_probs[0].astype(np.float64)), tokenizer, k)


def _most_probable(probabilities: NDArray[np.float64], tokenizer: Tokenizer, k: int) -> list[Suggestion]:
    found: dict[frozenset[int], float] = {}
    for token_id in _words_by_probability(probabilities, tokenizer):
        # A word not met yet consists of at most four tokens, none more probable than this one.
        if len(found) >= k and sorted(found.values())[-k] >= 4 * probabilities[token_id]:
            break
        variants = _variants(token_id, tokenizer)
        found[variants] = float(probabilities[list(variants)].sum())
    best = sorted(found.items(), key=lambda item: (-item[1], min(item[0])))[:k]
    return [Suggestion(tokenizer.display(min(variants)), probability) for variants, probability in best]


def _words_by_probability(probabilities: NDArray[np.float64], tokenizer: Tokenizer) -> Iterator[int]:
    specials = (tokenizer.vocabulary.unknown_id, tokenizer.vocabulary.end_id)
    for token_id in np.argsort(-probabilities, kind="stable").tolist():
        if token_id not in specials:
            yield token_id


def _variants(token_id: int, tokenizer: Tokenizer) -> frozenset[int]:
    """Return the tokens that differ from this one in the spaces beside it alone, itself among them."""
    vocabulary = tokenizer.vocabulary
    token = vocabulary.token_of(token_id)
    bare = token.strip(" ")
    spellings = (bare, f" {bare}", f"{bare} ", f" {bare} ")
    if token not in spellings:
        return frozenset([token_id])
    return frozenset(vocabulary.id_of(spelling) for spelling in spellings if spelling in vocabulary)
