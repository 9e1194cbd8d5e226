"""Generated texts and their scores."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from nextword.inference.generation.ending import Ending
from nextword.inference.generation.request import length_normalizer


@dataclass(frozen=True)
class GeneratedText:
    """The continuation of a prompt.

    Attributes:
        prompt: The prompt.
        text: The continuation, without prompt and stop string.
        ids: Tokens of the continuation, including `<eos>` or the stop string at its end.
        log_prob: Natural log-probability of `ids` after the prompt, by the model without filters.
        score: `log_prob` divided by the length normalizer of `ids`.
        ending: Reason for the end: "end" for `<eos>`, "stop" for a stop string, "length" for the maximum length.
        missing: Required words that are not in the text.
        others: Other texts of the search, best first.

    Example:
        >>> import nextword
        >>> request = nextword.Request(max_tokens=4, search=nextword.SearchOptions(decoding="greedy"))
        >>> (found,) = nextword.load("austen").generate_many(["I am very much"], request)
        >>> found.ending, len(found.ids), found.log_prob < 0
        ('length', 4, True)
    """

    prompt: str
    text: str
    ids: tuple[int, ...]
    log_prob: float
    score: float
    ending: Ending
    missing: tuple[str, ...] = ()
    others: tuple["GeneratedText", ...] = ()

    def to_table(self) -> dict[str, Any]:
        """Return the text as a table for JSON, without its ids."""
        table: dict[str, Any] = {
            "prompt": self.prompt,
            "text": self.text,
            "num_tokens": len(self.ids),
            "log_prob": self.log_prob,
            "score": self.score,
            "ending": self.ending,
        }
        if self.missing:
            table["missing"] = list(self.missing)
        if self.others:
            table["others"] = [
                {name: value for name, value in other.to_table().items() if name != "prompt"} for other in self.others
            ]
        return table


class Hypothesis(NamedTuple):
    """A complete or incomplete text, immutable.

    Attributes:
        ids: Tokens of the text.
        log_prob: Log-probability of the tokens by the engine.
        ending: Reason for the end; `None` if the text is incomplete.
        tail: Part at the end that can contain a stop string.
        met: Numbers of the required phrases in the text.
        progress: Number of tokens of required phrases, including one that is incomplete at the end.
    """

    ids: tuple[int, ...] = ()
    log_prob: float = 0.0
    ending: Ending | None = None
    tail: str = ""
    met: frozenset[int] = frozenset()
    progress: int = 0

    def score(self, exponent: float) -> float:
        """Return the log-probability divided by `length_normalizer`."""
        return self.log_prob / length_normalizer(len(self.ids), exponent)
