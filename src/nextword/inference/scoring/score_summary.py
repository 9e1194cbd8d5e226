"""Totals over many scored lines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nextword.display.table import table_lines
from nextword.inference.scoring.lines import LN_10, LineScore, perplexity
from nextword.system.strict_json import finite


@dataclass
class ScoreSummary:
    """Totals over lines, updated line by line."""

    num_lines: int = 0
    num_tokens: int = 0
    num_out_of_vocabulary: int = 0
    log_prob: float = 0.0
    known_log_prob: float = 0.0

    def add(self, line: LineScore) -> None:
        """Count a line."""
        self.num_lines += 1
        self.num_tokens += line.num_tokens
        self.num_out_of_vocabulary += line.num_out_of_vocabulary
        self.log_prob += line.log_prob
        self.known_log_prob += float(line.log_probs[~line.out_of_vocabulary].sum(dtype=float))

    def counted(self, lines: Iterable[LineScore]) -> Iterator[LineScore]:
        """Yield lines, and count each before it is yielded."""
        for line in lines:
            self.add(line)
            yield line

    @property
    def perplexity(self) -> float:
        """Perplexity over all tokens."""
        return perplexity(self.log_prob, self.num_tokens)

    @property
    def known_perplexity(self) -> float:
        """Perplexity over the tokens in the vocabulary; the others are read but not counted."""
        return perplexity(self.known_log_prob, self.num_tokens - self.num_out_of_vocabulary)

    def to_table(self) -> dict[str, Any]:
        """Return the values for JSON; infinite or undefined values are `None`."""
        num_known = self.num_tokens - self.num_out_of_vocabulary
        return {
            "num_lines": self.num_lines,
            "num_tokens": self.num_tokens,
            "num_out_of_vocabulary": self.num_out_of_vocabulary,
            "log_prob": finite(self.log_prob),
            "log10_prob": finite(self.log_prob / LN_10),
            "perplexity": finite(self.perplexity) if self.num_tokens else None,
            "perplexity_without_out_of_vocabulary": finite(self.known_perplexity) if num_known else None,
        }

    def describe(self) -> list[str]:
        """Return the totals as aligned lines of text."""
        num_known = self.num_tokens - self.num_out_of_vocabulary
        part = self.num_out_of_vocabulary / max(1, self.num_tokens)
        figures = {
            "lines": f"{self.num_lines:,}",
            "tokens": f"{self.num_tokens:,}",
            "out of vocabulary": f"{self.num_out_of_vocabulary:,} ({part:.2%})",
            "log-probability": f"{self.log_prob:,.3f}",
            "perplexity": f"{self.perplexity:,.2f}" if self.num_tokens else "undefined (no tokens)",
            "perplexity without OOV": f"{self.known_perplexity:,.2f}" if num_known else "undefined (no tokens)",
        }
        return table_lines(figures.items())
