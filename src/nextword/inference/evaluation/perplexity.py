r"""Perplexity, accuracy and related metrics of a text, in total and for groups of tokens.

A split has the tokens $w_1 \dots w_N$, including `<eos>`; $w_0$ is an `<eos>`. Then

$$\text{perplexity} = \exp\Bigl(-\frac{1}{N} \sum_{i=1}^{N} \ln p(w_i \mid w_0 \dots w_{i-1})\Bigr).$$

Every token is predicted exactly once, so $N$ is the number of tokens: 82,430 on the test split of the Penn Treebank.
Perplexities of models with different tokenizers are not comparable, and a model that reads many words as `<unk>` looks
better than it is. Bits per character and figures per whitespace-separated word are comparable, because they spell every
unknown word. With $u$ the unknown words of a split of $C$ characters, and $p(u \mid \texttt{<unk>})$ of
`nextword.text.tokens.spelling`,

$$\text{bits per character} = -\frac{1}{C} \Bigl(\sum_{i=1}^{N} \log_2 p(w_i \mid w_0 \dots w_{i-1})
+ \sum_u \log_2 p(u \mid \texttt{<unk>})\Bigr).$$
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nextword.display.table import html_stack, html_table, table_lines
from nextword.engine.engine import Engine
from nextword.engine.stream import BURN_IN, ScoredTokens, scored_tokens
from nextword.inference.scoring.line_score import perplexity
from nextword.system.strict_json import finite
from nextword.text.batching.window import TokenIds
from nextword.text.encoding.token_store import TokenStore

Progress = Callable[[int, int], None]
"""Receives the number of predicted tokens and the total number of tokens."""

FREQUENCY_RANKS = (10, 100, 1_000, 10_000)
"""Last frequency rank of each group except the last; ids are sorted by frequency in the training text."""

POSITIONS = (1, 2, 3, 5, 10, 20)
"""Last position in the sentence of each group except the last."""

_MAX_ROWS = 8  # of an engine with a mixture, because each row fills a cache of its own

_NO_RANK = np.iinfo(np.int32).max

MANY_UNKNOWN = 0.05
"""Share of unknown words above which a person is warned."""

_FIGURES = (
    *("perplexity", "bits_per_token", "accuracy", "top_five_accuracy", "perplexity_per_word", "bits_per_word"),
    *("bits_per_character", "log_prob", "spelling_log_prob", "num_tokens", "num_out_of_vocabulary", "num_words"),
    "num_characters",
)


@dataclass(frozen=True)
class TokenGroup:
    """Metrics of a group of tokens."""

    label: str
    num_tokens: int
    num_correct: int
    log_prob: float

    @property
    def accuracy(self) -> float | None:
        """Fraction of tokens that the model ranked first; `None` for an empty group."""
        return self.num_correct / self.num_tokens if self.num_tokens else None

    @property
    def bits_per_token(self) -> float | None:
        """Mean surprisal in bits; `None` for an empty group."""
        return -self.log_prob / math.log(2) / self.num_tokens if self.num_tokens else None

    def to_table(self) -> dict[str, Any]:
        """Return the group for JSON; infinite and undefined values are `None`."""
        return {
            "label": self.label,
            "num_tokens": self.num_tokens,
            "accuracy": self.accuracy,
            "bits_per_token": finite(self.bits_per_token),
        }


class GroupTally:
    """Counts tokens in groups of numbers up to each of `bounds`; the last group holds all larger numbers."""

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self._bounds = bounds
        self._sums = np.zeros((3, len(bounds) + 1))  # tokens, correct tokens and log-probabilities of each group

    def add(self, numbers: NDArray[np.integer[Any]], scored: ScoredTokens) -> None:
        """Count each token in the group of its number `(N,)`, at least 1."""
        groups = np.searchsorted(self._bounds, numbers)
        size, weights = self._sums.shape[1], (None, scored.ranks == 1, scored.log_probs)
        self._sums += [np.bincount(groups, each, minlength=size) for each in weights]

    def groups(self) -> tuple[TokenGroup, ...]:
        """Return the groups."""
        labels = [
            f"{last:,}" if last == before + 1 else f"{before + 1:,}-{last:,}"
            for before, last in pairwise((0, *self._bounds))
        ]
        counts = zip((*labels, f"over {self._bounds[-1]:,}"), *self._sums.tolist(), strict=True)
        return tuple(TokenGroup(label, int(tokens), int(correct), total) for label, tokens, correct, total in counts)


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a split.

    Attributes:
        num_tokens: Number of tokens.
        log_prob: Natural log-probability of the whole split.
        num_correct: Number of tokens that the model ranked first.
        num_in_top_five: Number of tokens among the five most probable.
        by_frequency: Metrics by rank in the training vocabulary.
        by_position: Metrics by position in the sentence.
        protocol: Description of the measurement.
        num_words: Whitespace-separated words of the split, plus one for each line end; `None` if unknown.
        num_characters: Characters of the split; `None` if unknown.
        num_out_of_vocabulary: Tokens that are not in the vocabulary, read as `<unk>`; `None` if unknown.
        spelling_log_prob: Natural log-probability of the spellings of these tokens, given that they are unknown.
        method: How the model is used: "static", the network alone; "mixture", with what its bundle holds; or "dynamic".

    Example:
        >>> import nextword
        >>> evaluation = nextword.load("austen").evaluate("She was very much obliged to him.")
        >>> evaluation.num_tokens, evaluation.perplexity < 100
        (9, True)
    """

    num_tokens: int
    log_prob: float
    num_correct: int
    num_in_top_five: int
    by_frequency: tuple[TokenGroup, ...]
    by_position: tuple[TokenGroup, ...]
    protocol: str
    num_words: int | None = None
    num_characters: int | None = None
    num_out_of_vocabulary: int | None = None
    spelling_log_prob: float = 0.0
    method: str = "static"

    def __repr__(self) -> str:
        bits = self.bits_per_character if self.num_out_of_vocabulary else None
        spelled = "" if bits is None else f"{bits:.3f} bits per character, "
        return (
            f"Evaluation({self.method}, {spelled}perplexity {self.perplexity:,.2f}, accuracy {self.accuracy:.2%}, "
            f"{self.num_tokens:,} tokens)"
        )

    def _repr_html_(self) -> str:
        return html_stack(html_table((), list(self.figures().items())), f"({self.protocol})")

    def with_protocol(self, addition: str) -> Self:
        """Return a copy with `addition` in its protocol."""
        return dataclasses.replace(self, protocol=f"{self.protocol}; {addition}")

    def with_counts(self, store: TokenStore) -> Self:
        """Return a copy with the word and character counts of its split, which metrics per word need."""
        return dataclasses.replace(
            self,
            num_words=store.num_words,
            num_characters=store.num_characters,
            num_out_of_vocabulary=store.report.num_out_of_vocabulary,
            spelling_log_prob=store.report.spelling_log_prob,
        )

    @property
    def perplexity(self) -> float:
        """Inverse geometric mean of the tokens' probabilities; infinite if a token has probability 0."""
        return perplexity(self.log_prob, self.num_tokens)

    @property
    def spelled_perplexity(self) -> float:
        """The perplexity per token with unknown words charged for their spelling, as `score` does."""
        return perplexity(self._spelled_log_prob, self.num_tokens)

    @property
    def bits_per_token(self) -> float:
        """Mean surprisal of a token in bits: the base-2 logarithm of the perplexity."""
        return (0.0 - self.log_prob) / math.log(2) / self.num_tokens

    @property
    def accuracy(self) -> float:
        """Fraction of tokens that the model ranked first."""
        return self.num_correct / self.num_tokens

    @property
    def top_five_accuracy(self) -> float:
        """Fraction of tokens among the five most probable."""
        return self.num_in_top_five / self.num_tokens

    @property
    def perplexity_per_word(self) -> float | None:
        """Perplexity per whitespace-separated word, every word spelled; `None` if the words were not counted."""
        return None if self.num_words is None else perplexity(self._spelled_log_prob, self.num_words)

    @property
    def bits_per_word(self) -> float | None:
        """Surprisal of the split per word, in bits, every word spelled; `None` if the words were not counted."""
        return None if self.num_words is None else (0.0 - self._spelled_log_prob) / math.log(2) / self.num_words

    @property
    def bits_per_character(self) -> float | None:
        """Surprisal of the split per character, in bits, every word spelled; `None` if they were not counted."""
        return None if self.num_characters is None else -self._spelled_log_prob / math.log(2) / self.num_characters

    @property
    def _spelled_log_prob(self) -> float:
        return self.log_prob + self.spelling_log_prob

    @property
    def warning(self) -> str | None:
        """A warning if many words are unknown, because the perplexity misleads then."""
        share = (self.num_out_of_vocabulary or 0) / self.num_tokens
        return unknown_warning(share) if share > MANY_UNKNOWN else None

    def to_table(self) -> dict[str, Any]:
        """Return all metrics for JSON; infinite and unknown values are `None`."""
        return {
            **{name: finite(getattr(self, name)) for name in _FIGURES},
            "by_frequency": [group.to_table() for group in self.by_frequency],
            "by_position": [group.to_table() for group in self.by_position],
            "method": self.method,
            "protocol": self.protocol,
        }

    def figures(self) -> dict[str, str]:
        """Return formatted metrics by name, without unknown ones."""
        figures = {}
        if self.num_out_of_vocabulary and self.bits_per_character is not None:
            figures["bits per character"] = f"{self.bits_per_character:,.3f} (every word spelled)"
        figures |= {
            "perplexity": f"{self.perplexity:,.2f}",
            "bits per token": f"{self.bits_per_token:,.3f}",
            "accuracy": f"{self.accuracy:.2%}",
            "top-5 accuracy": f"{self.top_five_accuracy:.2%}",
            "tokens": f"{self.num_tokens:,}",
        }
        if self.num_out_of_vocabulary is not None:
            fraction = self.num_out_of_vocabulary / self.num_tokens
            figures["out of vocabulary"] = f"{self.num_out_of_vocabulary:,} ({fraction:.2%})"
        if self.perplexity_per_word is not None:
            figures["perplexity per word"] = f"{self.perplexity_per_word:,.2f}"
        if self.bits_per_word is not None:
            figures["bits per word"] = f"{self.bits_per_word:,.3f}"
        if self.bits_per_character is not None:
            figures.setdefault("bits per character", f"{self.bits_per_character:,.3f}")
        return figures

    def describe(self) -> list[str]:
        """Return the formatted metrics as aligned lines, followed by the protocol."""
        return [*table_lines(self.figures().items()), f"({self.protocol})"]


def evaluate(
    engine: Engine,
    ids: TokenIds,
    *,
    batch_size: int = 1,
    num_steps: int = 512,
    on_progress: Progress | None = None,
    on_scored: Callable[[ScoredTokens], None] | None = None,
    unknown_id: int | None = None,
) -> Evaluation:
    """Predict every token of a split once and return the metrics.

    With one row (`batch_size`), the whole split is one stream. Otherwise each row except the first begins in the
    initial state, 256 tokens before its first target. No prediction gets `unknown_id` right.
    """
    by_frequency, by_position = GroupTally(FREQUENCY_RANKS), GroupTally(POSITIONS)
    num_tokens = num_correct = num_in_top_five = 0
    log_prob = 0.0
    for read in scored_tokens(engine, ids, batch_size=batch_size, num_steps=num_steps):
        ranks = np.where(read.ids == unknown_id, _NO_RANK, read.ranks)
        scored = read if unknown_id is None else read._replace(ranks=ranks)
        by_frequency.add(scored.ids + 1, scored)
        by_position.add(scored.places, scored)
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
        by_position=by_position.groups(),
        protocol=_protocol(batch_size),
    )


def perplexity_in_rows(engine: Engine, ids: TokenIds) -> tuple[float, str]:
    """Return the perplexity of a split and its protocol, as `evaluate` does, without what needs whole distributions."""
    batch_size = num_rows(len(ids), _MAX_ROWS)
    scored = scored_tokens(engine, ids, batch_size=batch_size, num_steps=512, ranks=False)
    return perplexity(sum(float(read.log_probs.sum()) for read in scored), len(ids)), _protocol(batch_size)


def num_rows(num_tokens: int, most: int) -> int:
    """Return in how many rows to read a split, at most `most`: each is at least four times as long as its burn-in."""
    return max(1, min(most, num_tokens // (4 * BURN_IN)))


def unknown_warning(share: float) -> str:
    """Return a warning about the share of unknown words, with the remedy."""
    return (
        f"{share:.1%} of the words are unknown, which flatters the perplexity; compare bits per character, and train "
        "with the subword tokenizer, a minimum count of 1 or more text"
    )


def _protocol(batch_size: int) -> str:
    every = "every token predicted once, <eos> included, the first from <eos>"
    if batch_size == 1:
        return f"{every}; state carried from the first token to the last"
    return f"{every}; {batch_size} parallel rows, each except the first with a burn-in of up to {BURN_IN} tokens"
