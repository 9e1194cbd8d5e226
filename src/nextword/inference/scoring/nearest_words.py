"""The words whose embeddings are nearest to a word's own."""

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from nextword.bundle.bundle import Bundle
from nextword.errors import TextError
from nextword.settings import require_at_least
from nextword.text.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class NearWord:
    """A near neighbor of a word.

    Attributes:
        word: The word, ready for display.
        cosine: Cosine similarity of the two vectors, at most 1.

    Example:
        >>> import nextword
        >>> near = nextword.load("austen").nearest_words("letter", k=1)[0]
        >>> near.word, near.cosine > 0.5
        ('note', True)
    """

    word: str
    cosine: float


def nearest_words(bundle: Bundle, word: str, k: int = 10) -> list[NearWord]:
    r"""Return the `k` words with the highest cosine similarity, the nearest first.

    The cosine similarity of $u$ and $v$ is $u^\top v / (|u| \, |v|)$, or 0 if one of them is 0. The word itself,
    `<unk>` and `<eos>` are excluded.
    """
    require_at_least("k", k, 1)
    tokenizer, vectors = bundle.tokenizer, bundle.embeddings()
    vocabulary = tokenizer.vocabulary
    own = _id_of(vocabulary, word)
    lengths = np.linalg.norm(vectors, axis=1)
    cosines = vectors @ vectors[own] / np.maximum(lengths * lengths[own], np.finfo(np.float32).tiny)
    left_out = {own, vocabulary.unknown_id, vocabulary.end_id}
    order = [token_id for token_id in np.argsort(-cosines, kind="stable").tolist() if token_id not in left_out]
    return [NearWord(tokenizer.display(near), float(cosines[near])) for near in order[:k]]


def _id_of(vocabulary: Vocabulary, word: str) -> int:
    # In running text, a punctuation token includes the spaces around it.
    for spelling in (word, f"{word} ", f" {word}", f" {word} "):
        if spelling in vocabulary:
            return vocabulary.id_of(spelling)
    near = get_close_matches(word, vocabulary.tokens, n=3)
    repair = f"did you mean {' or '.join(f'`{other}`' for other in near)}?" if near else "try another"
    raise TextError(f"a word must be in the vocabulary, but {word!a} is not; {repair}")
