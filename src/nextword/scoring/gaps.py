"""Which words fit into a gap: each put into the text, and the whole text scored."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nextword.engine.engine import read_text
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError, TextError
from nextword.scoring.lines import DEFAULT_OPTIONS, ScoringOptions, score_lines
from nextword.settings import require_at_least

GAP = "___"
"""What stands in a text where candidates are put."""


@dataclass(frozen=True)
class RankedCandidate:
    """A candidate for a gap, and how probable the text is with it.

    Attributes:
        candidate: What was put into the gap.
        text: The text with it.
        probability: That it is this candidate, given that it is one of them.
        log_prob: Natural logarithm of the probability of the whole text.
        num_tokens: How many tokens that text has.
        num_out_of_vocabulary: How many of them the vocabulary lacks.
    """

    candidate: str
    text: str
    probability: float
    log_prob: float
    num_tokens: int
    num_out_of_vocabulary: int

    def to_table(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return vars(self) | {"log_prob": self.log_prob if np.isfinite(self.log_prob) else None}


def rank(
    model: TextModel,
    text: str,
    candidates: Iterable[str],
    *,
    gap: str = GAP,
    options: ScoringOptions = DEFAULT_OPTIONS,
) -> list[RankedCandidate]:
    r"""Return candidates for the gap in a text, the most probable first; of equals the one that was named first.

    What stands after the gap counts as much as what stands before it: with $t_c$ the text with candidate $c$ in it,

    $$p(c \mid \text{one of } C) = p(t_c) / \sum_{d \in C} p(t_d).$$

    Candidates may have several words; a longer one is a longer text, which is less probable unless its words are good.

    Args:
        model: The model at work.
        text: One line with one gap in it.
        candidates: What may stand there; one that is named again counts once.
        gap: What stands for the gap.
        options: Beginning and end of the text.

    Raises:
        SettingError: There is not one gap, or there are no candidates, or one string of them, or none is possible.
        TextError: A text is refused by the tokenizer.
    """
    if isinstance(candidates, str):
        raise SettingError(f"candidates must be several words, but are one string, {candidates!r}; put it into a list")
    before, after = _around(text, gap)
    named = list(dict.fromkeys(candidates))
    if not named:
        raise SettingError("at least one candidate must be given, but there is none; name some words for the gap")
    lines = (f"{before}{candidate}{after}" for candidate in named)
    scores = list(score_lines(model, lines, options))
    log_probs = np.array([score.log_prob for score in scores])
    if log_probs.max() == -np.inf:
        raise SettingError("at least one candidate must be possible, but all have probability 0; name others")
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
    """Return the words of the vocabulary that are most expected after what stands before the gap, to be ranked.

    Marks are among them, `<unk>` and `<eos>` are not.

    Raises:
        SettingError: There is not one gap, `count` is below 1, or the tokens of the model are less than words.
        TextError: The text is refused by the tokenizer.
    """
    require_at_least("count", count, 1)
    tokenizer = model.tokenizer
    if tokenizer.kind in ("subword", "character"):
        raise SettingError(f"candidates must be named for a model of {tokenizer.kind}s, which has no words to propose")
    before, _ = _around(text, gap)
    log_probs, _ = read_text(model.engine, tokenizer.encode_prompt(before.rstrip()))
    vocabulary = tokenizer.vocabulary
    found: dict[str, None] = {}
    for token_id in np.argsort(-log_probs[0], kind="stable").tolist():
        if token_id not in (vocabulary.unknown_id, vocabulary.end_id):
            found[vocabulary.token_of(token_id).strip(" ")] = None
        if len(found) >= count:
            break
    return [word for word in found if word]


def _around(text: str, gap: str) -> tuple[str, str]:
    # Counted wherever it begins, so that a longer row of its characters is not taken for one with letters beside it.
    num_gaps = sum(text.startswith(gap, place) for place in range(len(text))) if gap else 0
    if num_gaps != 1:
        raise SettingError(
            f"the text must have one gap, but has {num_gaps}; put `{gap or GAP}` where a word is missing, once"
        )
    if "\n" in text or "\r" in text:
        raise TextError("the text around a gap must be one line, but has several; give the line with the gap alone")
    before, _, after = text.partition(gap)
    return before, after
