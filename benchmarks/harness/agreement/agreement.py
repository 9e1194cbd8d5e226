"""How far `lm_eval` through the service is from nextword itself, in log-probability a token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.agreement.lm_eval_run import Found
from harness.agreement.own_scores import OwnScores, Score
from harness.agreement.tasks import Documents
from harness.speed.provenance import Provenance
from harness.speed.render import plain_table, provenance_lines

TOLERANCE = 1e-3


@dataclass(frozen=True)
class Agreement:
    """Both results.

    Attributes:
        model: Description of the model.
        text: Description of the text.
        precision: Precision of the weights.
        documents: What was scored.
        found: What `lm_eval` found.
        own: What nextword finds.
        provenance: Where, when and of what code.
    """

    model: str
    text: str
    precision: str
    documents: Documents
    found: Found
    own: OwnScores
    provenance: Provenance

    @property
    def differences(self) -> dict[str, float]:
        """The largest difference in log-probability a token, of all documents of a task."""
        choices = [score for scores in self.own.choices for score in scores]
        return {
            "whole": _largest([self.found.whole], [self.own.whole]),
            "lines": _largest(self.found.lines, self.own.lines),
            "choices": _largest([value for values in self.found.choices for value in values], choices),
        }

    @property
    def agrees(self) -> bool:
        """Whether no document differs by more than the tolerance, and the same continuations are right."""
        same = self.found.accuracy == self.own.accuracy(self.documents.choices)
        return same and max(self.differences.values()) <= TOLERANCE

    def to_table(self) -> dict[str, Any]:
        """Return it as a table for JSON."""
        return {
            "agrees": self.agrees,
            "differences": self.differences,
            "tolerance": TOLERANCE,
            "model": self.model,
            "precision": self.precision,
            "text": self.text,
            "tokens": self.own.whole.tokens,
            "log_prob": {"lm_eval": self.found.whole, "nextword": self.own.whole.log_prob},
            "perplexity": self.own.perplexity,
            "word_perplexity": self.found.word_perplexity,
            "documents": {"lines": len(self.documents.lines), "choices": len(self.documents.choices)},
            "accuracy": {"lm_eval": self.found.accuracy, "nextword": self.own.accuracy(self.documents.choices)},
            "versions": {"lm_eval": self.found.version},
            **self.provenance.to_table(),
        }


def render_agreement(agreement: Agreement) -> RenderableType:
    """Return the table, and the notes below it."""
    found, own = agreement.found, agreement.own
    table: Table = plain_table("task", "documents", "tokens", "lm_eval", "nextword", "largest difference a token")
    rows = (
        ("whole", [found.whole], [own.whole]),
        ("lines", found.lines, own.lines),
        (
            "choices",
            [value for values in found.choices for value in values],
            [each for scores in own.choices for each in scores],
        ),
    )
    for name, theirs, ours in rows:
        table.add_row(
            name,
            f"{len(ours):,}",
            f"{sum(score.tokens for score in ours):,}",
            f"{sum(theirs):,.3f}",
            f"{sum(score.log_prob for score in ours):,.3f}",
            f"{agreement.differences[name]:.2g}",
        )
    accuracy = own.accuracy(agreement.documents.choices)
    notes = [
        f"{agreement.model} in {agreement.precision} on {agreement.text}; lm_eval {found.version}, local-completions",
        f"perplexity of the whole text {own.perplexity:.3f}; per word, as lm_eval counts, {found.word_perplexity:.3f}",
        f"right continuations: lm_eval {found.accuracy:.1%}, nextword {accuracy:.1%}",
        f"they {'agree' if agreement.agrees else 'DO NOT agree'} to {TOLERANCE:g} in log-probability a token",
    ]
    return Group(table, *map(Text, notes), *provenance_lines(agreement.provenance))


def _largest(theirs: Sequence[float], ours: Sequence[Score]) -> float:
    pairs = zip(theirs, ours, strict=True)
    return max((abs(value - score.log_prob) / max(1, score.tokens) for value, score in pairs), default=0.0)
