"""Ranks candidates for a gap in a text by the probability of the completed text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nextword.display.table import html_bar, html_table
from nextword.engine.engine import read_text
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError, TextError
from nextword.inference.scoring.lines import DEFAULT_OPTIONS, ScoringOptions, score_lines
from nextword.settings import require_at_least, require_several
from nextword.system.strict_json import finite

GAP = "___"
"""The default mark of a gap."""


@dataclass(frozen=True)
class RankedCandidate:
    """A candidate for a gap, with the probability of the completed text.

    Attributes:
        candidate: The candidate.
        text: The text with the candidate in the gap.
        probability: Probability of the candidate among all candidates.
        log_prob: Natural log-probability of the completed text.
        num_tokens: Number of tokens in it.
        num_out_of_vocabulary: Number of its tokens that are out of vocabulary.

    Example:
        >>> import nextword
        >>> best = nextword.load("austen").rank("She was very ___.", ["happy", "table"])[0]
        >>> best.text, best.probability > 0.9
        ('She was very happy.', True)
    """

    candidate: str
    text: str
    probability: float
    log_prob: float
    num_tokens: int
    num_out_of_vocabulary: int

    def to_table(self) -> dict[str, Any]:
        """Return the values for JSON."""
        return vars(self) | {"log_prob": finite(self.log_prob)}


class RankedCandidates(list[RankedCandidate]):
    """A list of ranked candidates that a notebook shows as a table.

    Example:
        >>> import nextword
        >>> ranked = nextword.load("austen").rank("She was very ___.", ["happy", "table"])
        >>> isinstance(ranked, RankedCandidates), [each.candidate for each in ranked]
        (True, ['happy', 'table'])
    """

    def _repr_html_(self) -> str:
        rows = [(each.candidate, each.text, f"{each.probability:.2%}", html_bar(each.probability)) for each in self]
        return html_table(("candidate", "text", "probability", ""), rows, left=2)


def rank(
    model: TextModel,
    text: str,
    candidates: Iterable[str],
    *,
    gap: str = GAP,
    options: ScoringOptions = DEFAULT_OPTIONS,
) -> list[RankedCandidate]:
    r"""Return the candidates for the gap in a text, the most probable first; ties keep their order.

    The text after the gap counts as much as the text before it. With $t_c$ the text completed with candidate $c$,

    $$p(c \mid \text{one of } C) = p(t_c) / \sum_{d \in C} p(t_d).$$

    A candidate may have several words. A longer text is usually less probable.
    """
    require_several("candidates", candidates)
    before, after = _split_at_gap(text, gap)
    named = list(dict.fromkeys(candidates))
    if not named:
        raise SettingError("`candidates` must have at least one word, but are empty; give some words for the gap")
    lines = (f"{before}{candidate}{after}" for candidate in named)
    scores = list(score_lines(model, lines, options, ranks=False))
    log_probs = np.array([score.log_prob for score in scores])
    if log_probs.max() == -np.inf:
        raise SettingError("at least one candidate must be possible, but all have probability 0; give others")
    relative = np.exp(log_probs - log_probs.max())
    probabilities = relative / relative.sum()
    ranked = [
        RankedCandidate(
            candidate, score.text, float(probability), score.log_prob, score.num_tokens, score.num_out_of_vocabulary
        )
        for candidate, score, probability in zip(named, scores, probabilities, strict=True)
    ]
    return sorted(ranked, key=lambda found: -found.log_prob)


def proposals(model: TextModel, text: str, *, gap: str = GAP, count: int = 200) -> list[str]:
    """Return the most probable words after the text before the gap, as candidates for `rank`.

    Punctuation is included; `<unk>` and `<eos>` are not.
    """
    require_at_least("count", count, 1)
    tokenizer = model.tokenizer
    if tokenizer.kind in ("subword", "character"):
        raise SettingError(
            f"a vocabulary must consist of words to propose candidates, but has {tokenizer.kind}s; give the candidates"
        )
    before, _ = _split_at_gap(text, gap)
    log_probs, _ = read_text(model.engine, tokenizer.encode_prompt(before.rstrip()))
    vocabulary = tokenizer.vocabulary
    found: dict[str, None] = {}
    for token_id in np.argsort(-log_probs[0], kind="stable").tolist():
        if token_id not in (vocabulary.unknown_id, vocabulary.end_id):
            found[vocabulary.token_of(token_id).strip(" ")] = None
        if len(found) >= count:
            break
    return [word for word in found if word]


def _split_at_gap(text: str, gap: str) -> tuple[str, str]:
    # Overlapping matches count, so that a longer row of the gap's characters is refused.
    num_gaps = sum(text.startswith(gap, place) for place in range(len(text))) if gap else 0
    if num_gaps != 1:
        raise SettingError(
            f"the text must have one gap, but has {num_gaps}; put `{gap or GAP}` once where a word is missing"
        )
    if "\n" in text or "\r" in text:
        raise TextError("the text around a gap must be one line, but has several; give only the line with the gap")
    before, _, after = text.partition(gap)
    return before, after
