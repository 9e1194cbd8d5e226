r"""What the preset `auto` chooses: a size by the words that training sees, and rates by how often it sees them.

With $W$ the million words that training sees in the given minutes or epochs, in $E$ epochs of a text of $N$ words, the
width of the first layer is

$$H = 350 \, W^{0.3}$$

in steps of 32, at least 320 and at most 1,024; the second layer and the embedding have half of it. The learning rate is

$$\eta = 0.009 \, (320 / H)^{0.85},$$

and the rates of dropout are, never below 0,

| dropout of | rate | at most |
|---|---|---|
| the input | $0.19 \ln (E / 2.8)$ | 0.44 |
| hidden states between layers | $0.19 \ln (E / 2.8)$ | 0.3 |
| the output | $0.24 \ln (E / 2.8)$ | 0.54 |
| recurrent weights | $0.15 \ln (E / 5)$ | 0.3 |
| whole words | $0.03 \ln (E / 5)$ | 0.06 |

Weight decay acts like a prior, and the loss is a mean over words, so it is $2.8 / N$, at most 0.00015. A text of up to
400,000 words that is read five times or more is learned by heart, and the average of two tails keeps what came before.
`docs/time.md` draws the runs that these formulas were fitted to.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

WIDTHS = range(320, 1025, 32)
"""The widths to choose from; beyond them nothing was measured."""

MIDDLE_WIDTH = 640
"""The width whose speed is measured before one is chosen."""

_RATES = {  # the rate at each factor of e in epochs, the epochs from which it counts, and the largest rate
    "embedding_dropout_rate": (0.03, 5, 0.06),
    "input_dropout_rate": (0.19, 2.8, 0.44),
    "hidden_dropout_rate": (0.19, 2.8, 0.3),
    "weight_drop_rate": (0.15, 5, 0.3),
    "output_dropout_rate": (0.24, 2.8, 0.54),
}

CHOSEN = ("embedding_size", "hidden_sizes", "learning_rate", "weight_decay", "averaging", *_RATES)
"""The settings that follow from the time."""

_SAMPLED_SHARE = 0.2
_MAX_CANDIDATES = 8192
_MIN_VOCABULARY = 8_000

_MAX_AVERAGED_WORDS, _MIN_AVERAGED_EPOCHS = 400_000, 5.0


def million_words_for(width: int) -> float:
    """Return how many million words a first layer of this width needs; the smallest does with fewer."""
    return math.pow(width / 350, 1 / 0.3)


def width_for(words_at: Callable[[int], float]) -> int:
    """Return the largest width that sees enough words; `words_at` tells how many words each would see."""
    enough = (width for width in WIDTHS if words_at(width) >= 1e6 * million_words_for(width))
    return max(enough, default=WIDTHS[0])


def size_of(width: int, given: Mapping[str, Any] = MappingProxyType({})) -> dict[str, dict[str, Any]]:
    """Return the settings of a width, with the embedding as wide as the last layer if one of them is `given`."""
    layers = list(given.get("hidden_sizes", (width, given.get("embedding_size", width // 2))))
    model = {"embedding_size": layers[-1], "hidden_sizes": layers}
    learning_rate = 0.009 * min(1.0, WIDTHS[0] / layers[0]) ** 0.85
    return {"model": model, "training": {"learning_rate": round(learning_rate, 4)}}


def dropout_rates(epochs: float) -> dict[str, float]:
    """Return the rates of dropout for a number of epochs."""
    grown = {name: factor * math.log(epochs / first) for name, (factor, first, _) in _RATES.items()}
    return {name: round(min(max(0.0, rate), _RATES[name][2]), 3) for name, rate in grown.items()}


def weight_decay_of(num_words: int) -> float:
    """Return the weight decay for a text of `num_words` words."""
    return float(f"{min(1.5e-4, 2.8 / num_words):.1e}")


def averaging_of(num_words: int, epochs: float) -> str:
    """Return the average of the weights for a text of `num_words` words that is read in `epochs` epochs."""
    return "two_tailed" if num_words <= _MAX_AVERAGED_WORDS and epochs >= _MIN_AVERAGED_EPOCHS else "none"


def candidates_of(vocabulary_size: int) -> int | None:
    """Return the number of candidates of a sampled softmax, `None` if the vocabulary is small enough for the whole."""
    if vocabulary_size < _MIN_VOCABULARY:
        return None
    return min(_MAX_CANDIDATES, round(_SAMPLED_SHARE * vocabulary_size))
