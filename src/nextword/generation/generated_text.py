"""A text that a model wrote, and how probable it is."""

from dataclasses import dataclass
from typing import Any

from nextword.generation.end_rule import Ending


@dataclass(frozen=True)
class GeneratedText:
    """What goes on from a prompt.

    Attributes:
        prompt: What it goes on from.
        text: The text, prompt and stop string left out.
        ids: Its tokens, with `<eos>` or the stop string where one ended it.
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
