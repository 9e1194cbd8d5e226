"""A text that a model wrote, and how probable it is."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from nextword.generation.ending import Ending
from nextword.generation.request import length_normalizer


@dataclass(frozen=True)
class GeneratedText:
    """What goes on from a prompt.

    Attributes:
        prompt: What it goes on from.
        text: The text, prompt and stop string left out.
        ids: Its tokens, with `<eos>` or the stop string if one ended it.
        log_prob: Natural logarithm of the probability of `ids` after the prompt, by the model itself.
        score: `log_prob` over the length normalizer of `ids`.
        ending: Why it ends: "end" at `<eos>`, "stop" at a stop string, "length" after as many tokens as asked for.
        missing: Required words that it does not hold.
        others: Other texts that the search found, the best first.
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
    """A text, immutable.

    Attributes:
        ids: Its tokens.
        log_prob: The logarithm of their probability by the engine.
        ending: Why it is complete, `None` if it is not.
        tail: Its end, in which a stop string may begin.
        met: The required phrases that it holds, by number.
        progress: How many tokens of required phrases it holds or ends with.
    """

    ids: tuple[int, ...] = ()
    log_prob: float = 0.0
    ending: Ending | None = None
    tail: str = ""
    met: frozenset[int] = frozenset()
    progress: int = 0

    def score(self, exponent: float) -> float:
        """Return the log-probability over `length_normalizer`."""
        return self.log_prob / length_normalizer(len(self.ids), exponent)
