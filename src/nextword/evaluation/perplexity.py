r"""How well a model predicts a text, in one number and some others, and for tokens in groups.

With the tokens $w_1 \dots w_N$ of a split, `<eos>` included, and $w_0$ an `<eos>`,

$$\text{perplexity} = \exp\Bigl(-\frac{1}{N} \sum_{i=1}^{N} \ln p(w_i \mid w_0 \dots w_{i-1})\Bigr).$$

Every token is predicted exactly once, so that $N$ is the number of tokens: 82,430 on the test split of the Penn
Treebank. Perplexities of models with different tokens cannot be compared; those per word of white space, and the bits
per character, can, as long as no token is `<unk>`.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import TokenIds
from nextword.engine.engine import Engine
from nextword.engine.stream import BURN_IN, ScoredTokens, scored_tokens
from nextword.storage.strict_json import finite
from nextword.text.token_store import TokenStore

Progress = Callable[[int, int], None]
"""Receives how many tokens have been predicted, and how many there are."""

FREQUENCY_RANKS = (10, 100, 1_000, 10_000)
"""The last rank in the training vocabulary of each group but the last; ids are sorted by frequency."""

PLACES = (1, 2, 3, 5, 10, 20)
"""The last place in a sentence of each group but the last."""

_FIGURES = (
    *("perplexity", "bits_per_token", "accuracy", "top_five_accuracy", "perplexity_per_word", "bits_per_word"),
    *("bits_per_character", "log_prob", "num_tokens", "num_out_of_vocabulary", "num_words", "num_characters"),
)


@dataclass(frozen=True)
class TokenGroup:
    """How well the tokens of a group were predicted.

    Attributes:
        label: Which tokens they are, such as `11-100`.
        num_tokens: How many there are.
        num_correct: How many of them were the most probable token.
        log_prob: Natural logarithm of the product of their probabilities.
    """

    label: str
    num_tokens: int
    num_correct: int
    log_prob: float

    @property
    def accuracy(self) -> float | None:
        """The fraction predicted right; `None` in an empty group."""
        return self.num_correct / self.num_tokens if self.num_tokens else None

    @property
    def bits_per_token(self) -> float | None:
        """The mean surprisal in bits; `None` in an empty group."""
        return -self.log_prob / math.log(2) / self.num_tokens if self.num_tokens else None

    def to_table(self) -> dict[str, Any]:
        """Return the group for JSON; a figure that is infinite, or of no tokens, is `None`."""
        return {
            "label": self.label,
            "num_tokens": self.num_tokens,
            "accuracy": self.accuracy,
            "bits_per_token": finite(self.bits_per_token),
        }


class GroupTally:
    """Counts the tokens of a text into groups, whose last numbers are `bounds`; one more group holds the rest.

    Example:
        >>> [group.label for group in GroupTally((1, 2, 5)).groups()]
        ['1', '2', '3-5', 'over 5']
    """

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self._bounds = bounds
        self._sums = np.zeros((3, len(bounds) + 1))  # tokens, correct ones and log-probabilities of each group

    def add(self, numbers: NDArray[np.integer[Any]], scored: ScoredTokens) -> None:
        """Count tokens, each in the group that its number `(N,)`, at least 1, falls into."""
        groups = np.searchsorted(self._bounds, numbers)
        size, weights = self._sums.shape[1], (None, scored.ranks == 1, scored.log_probs)
        self._sums += [np.bincount(groups, each, minlength=size) for each in weights]

    def groups(self) -> tuple[TokenGroup, ...]:
        """Return the groups counted so far."""
        labels = [
            f"{last:,}" if last == before + 1 else f"{before + 1:,}-{last:,}"
            for before, last in pairwise((0, *self._bounds))
        ]
        counts = zip((*labels, f"over {self._bounds[-1]:,}"), *self._sums.tolist(), strict=True)
        return tuple(
            TokenGroup(label, int(tokens), int(correct), log_prob) for label, tokens, correct, log_prob in counts
        )


@dataclass(frozen=True)
class Evaluation:
    """How well the tokens of a split were predicted.

    Attributes:
        num_tokens: How many there are.
        log_prob: Natural logarithm of the probability of the whole split.
        num_correct: How many were the most probable token.
        num_in_top_five: How many were among the five most probable.
        by_frequency: The same by rank in the training vocabulary.
        by_place: The same by place in the sentence.
        protocol: How it was measured, in one sentence.
        num_words: Words of the split between white space, and one for each line end; `None` if not known.
        num_characters: Characters of the split; `None` if not known.
        num_out_of_vocabulary: Tokens that the vocabulary lacks, read as `<unk>`; `None` if not known.
        method: What changed the predictions after training; "static" for the model as it was trained.
    """

    num_tokens: int
    log_prob: float
    num_correct: int
    num_in_top_five: int
    by_frequency: tuple[TokenGroup, ...]
    by_place: tuple[TokenGroup, ...]
    protocol: str
    num_words: int | None = None
    num_characters: int | None = None
    num_out_of_vocabulary: int | None = None
    method: str = "static"

    def __repr__(self) -> str:
        return (
            f"Evaluation({self.method}, perplexity {self.perplexity:,.2f}, accuracy {self.accuracy:.2%}, "
            f"{self.num_tokens:,} tokens)"
        )

    def with_protocol(self, addition: str, *, method: str | None = None) -> Self:
        """Return the evaluation with more in its protocol, and as that of a method if one is named."""
        return dataclasses.replace(self, method=method or self.method, protocol=f"{self.protocol}; {addition}")

    def with_counts(self, store: TokenStore) -> Self:
        """Return the evaluation with what its split was counted to hold, so that figures per word can be given."""
        return dataclasses.replace(
            self,
            num_words=store.num_words,
            num_characters=store.num_characters,
            num_out_of_vocabulary=store.report.num_out_of_vocabulary,
        )

    @property
    def perplexity(self) -> float:
        """The inverse of the geometric mean probability of a token; infinite if a token had none."""
        return _exp(-self.log_prob / self.num_tokens)

    @property
    def bits_per_token(self) -> float:
        """The mean surprisal of a token: the logarithm of the perplexity to the base 2."""
        return (0.0 - self.log_prob) / math.log(2) / self.num_tokens

    @property
    def accuracy(self) -> float:
        """The fraction of tokens that were the most probable."""
        return self.num_correct / self.num_tokens

    @property
    def top_five_accuracy(self) -> float:
        """The fraction of tokens that were among the five most probable."""
        return self.num_in_top_five / self.num_tokens

    @property
    def perplexity_per_word(self) -> float | None:
        """The perplexity as if words between white space had been predicted; `None` if they were not counted."""
        return None if self.num_words is None else _exp(-self.log_prob / self.num_words)

    @property
    def bits_per_word(self) -> float | None:
        """The surprisal of the split by its words; `None` if they were not counted."""
        return None if self.num_words is None else (0.0 - self.log_prob) / math.log(2) / self.num_words

    @property
    def bits_per_character(self) -> float | None:
        """The surprisal of the split by its characters; `None` if they were not counted."""
        return None if self.num_characters is None else -self.log_prob / math.log(2) / self.num_characters

    def to_table(self) -> dict[str, Any]:
        """Return all figures for JSON; one that is infinite, or not known, is `None`."""
        return {
            **{name: finite(getattr(self, name)) for name in _FIGURES},
            "by_frequency": [group.to_table() for group in self.by_frequency],
            "by_place": [group.to_table() for group in self.by_place],
            "method": self.method,
            "protocol": self.protocol,
        }

    def figures(self) -> dict[str, str]:
        """Return the figures by name, written for a person; those that are not known are left out."""
        figures = {
            "perplexity": f"{self.perplexity:,.2f}",
            "bits per token": f"{self.bits_per_token:,.3f}",
            "accuracy": f"{self.accuracy:.2%}",
            "top-5 accuracy": f"{self.top_five_accuracy:.2%}",
            "tokens": f"{self.num_tokens:,}",
        }
        if self.num_out_of_vocabulary is not None:
            part = self.num_out_of_vocabulary / self.num_tokens
            figures["out of vocabulary"] = f"{self.num_out_of_vocabulary:,} ({part:.2%})"
        if self.perplexity_per_word is not None:
            figures["perplexity per word"] = f"{self.perplexity_per_word:,.2f}"
        if self.bits_per_word is not None:
            figures["bits per word"] = f"{self.bits_per_word:,.3f}"
        if self.bits_per_character is not None:
            figures["bits per character"] = f"{self.bits_per_character:,.3f}"
        return figures

    def describe(self) -> list[str]:
        """Return the figures as aligned lines for a person, and the protocol."""
        figures = self.figures()
        width = max(map(len, figures))
        return [*(f"{name:<{width}}  {figure}" for name, figure in figures.items()), f"({self.protocol})"]


def evaluate(
    engine: Engine,
    ids: TokenIds,
    *,
    batch_size: int = 1,
    num_steps: int = 512,
    on_progress: Progress | None = None,
    on_scored: Callable[[ScoredTokens], None] | None = None,
) -> Evaluation:
    """Predict every token of a split once, and return how well it went.

    Args:
        engine: The model at work.
        ids: The tokens `(N,)`.
        batch_size: Rows that are read side by side. With 1 the split is one stream, exactly. With more, each row but
            the first begins with the state of an empty text, 256 tokens before its own.
        num_steps: Tokens of a row that are read at once; it changes nothing but speed and memory.
        on_progress: Called after each window.
        on_scored: Given the scored tokens of each window, for figures of one's own.

    Raises:
        EvaluationError: There are no tokens, or some that the model does not know, or the model is not sound.
        SettingError: A number leaves its range, or there are fewer tokens than rows.
    """
    by_frequency, by_place = GroupTally(FREQUENCY_RANKS), GroupTally(PLACES)
    num_tokens = num_correct = num_in_top_five = 0
    log_prob = 0.0
    for scored in scored_tokens(engine, ids, batch_size=batch_size, num_steps=num_steps):
        by_frequency.add(scored.ids + 1, scored)
        by_place.add(scored.places, scored)
        num_tokens += len(scored.ids)
        num_correct += int(np.count_nonzero(scored.ranks == 1))
        num_in_top_five += int(np.count_nonzero(scored.ranks <= 5))
        log_prob += float(scored.log_probs.sum())
        if on_scored is not None:
            on_scored(scored)
        if on_progress is not None:
            on_progress(num_tokens, len(ids))
    return Evaluation(
        num_tokens=num_tokens,
        log_prob=log_prob,
        num_correct=num_correct,
        num_in_top_five=num_in_top_five,
        by_frequency=by_frequency.groups(),
        by_place=by_place.groups(),
        protocol=_protocol(batch_size),
    )


def _protocol(batch_size: int) -> str:
    every = "every token predicted once, <eos> included, the first from <eos>"
    if batch_size == 1:
        return f"{every}; state carried from the first token to the last"
    return f"{every}; {batch_size} rows side by side, each but the first begun up to {BURN_IN} tokens before its own"


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
