"""How probable a line is, whole and token by token."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import TokenIds
from nextword.errors import EvaluationError
from nextword.storage.strict_json import finite

LN_10 = math.log(10)
"""Natural logarithms are divided by it to become logarithms to the base 10."""

LN_2 = math.log(2)
"""Natural logarithms are divided by it to become bits."""


@dataclass(frozen=True, eq=False)
class LineScore:
    r"""A line with the log-probability of each of its tokens $w_1 \dots w_N$, given all that stands before it.

    Attributes:
        number: The line's place among all that were given, from 1.
        text: The line.
        ids: The tokens that count `(N,)`, `<eos>` the last of them where the line's end counts.
        log_probs: Natural logarithm of each one's probability `(N,)`, float32.
        ranks: Place of each among all tokens, 1 the most probable `(N,)`.
        out_of_vocabulary: Which of them the vocabulary lacks `(N,)`; they are scored as `<unk>`.
    """

    number: int
    text: str
    ids: TokenIds
    log_probs: NDArray[np.float32]
    ranks: NDArray[np.int32]
    out_of_vocabulary: NDArray[np.bool_]

    @property
    def num_tokens(self) -> int:
        """How many tokens count, $N$."""
        return len(self.ids)

    @cached_property
    def num_out_of_vocabulary(self) -> int:
        """How many of them the vocabulary lacks."""
        return int(np.count_nonzero(self.out_of_vocabulary))

    @cached_property
    def log_prob(self) -> float:
        r"""Natural logarithm of the line's probability, $\sum_i \ln p(w_i \mid w_0 \dots w_{i-1})$."""
        return float(self.log_probs.sum(dtype=np.float64))

    @property
    def log10_prob(self) -> float:
        """The same to the base 10, as KenLM gives it."""
        return self.log_prob / LN_10

    @property
    def bits(self) -> NDArray[np.float64]:
        """The surprisal of each token in bits `(N,)`."""
        return self.log_probs.astype(np.float64) / -LN_2

    @property
    def perplexity(self) -> float:
        r"""$\exp(-\frac{1}{N} \ln p)$; infinite where a token had no probability.

        Raises:
            EvaluationError: No token counts: the line is empty, and so is its end.
        """
        return perplexity(self.log_prob, self.num_tokens)

    def to_table(self) -> dict[str, Any]:
        """Return the figures for JSON; one that is infinite, or of no tokens, is `None`."""
        return {
            "line": self.number,
            "text": self.text,
            "log_prob": finite(self.log_prob),
            "log10_prob": finite(self.log10_prob),
            "num_tokens": self.num_tokens,
            "num_out_of_vocabulary": self.num_out_of_vocabulary,
            "perplexity": finite(self.perplexity) if self.num_tokens else None,
        }


def perplexity(log_prob: float, num_tokens: int) -> float:
    r"""Return $\exp(-\frac{1}{N} \ln p)$.

    Raises:
        EvaluationError: There are no tokens.
    """
    if num_tokens == 0:
        raise EvaluationError("a perplexity needs at least one token, but there is none; count the line's end (`eos`)")
    try:
        return math.exp(-log_prob / num_tokens)
    except OverflowError:
        return math.inf
