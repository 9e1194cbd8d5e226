"""A comparison as one HTML page: a passage colored by surprisal, and the errors of the model by group.

It is an entry of the site, packed like the page with a model inside. The words of model and text are not trusted, so
they are only in the data: JSON in which no word can end its HTML element, and which the script shows as text.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nextword.display.page.html_file import one_page
from nextword.errors import EvaluationError
from nextword.inference.evaluation.comparison import ComparedToken
from nextword.system.strict_json import finite
from nextword.text.tokens.tokenizer import Tokenizer

_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
_SPACE_BEFORE, _SPACE_AFTER = 1, 2


@dataclass(frozen=True)
class ComparisonFacts:
    """What the page says besides its passage."""

    model: str
    corpus: str
    split: str
    protocol: str
    figures: Mapping[str, str]
    by_frequency: Sequence[Mapping[str, Any]]
    by_position: Sequence[Mapping[str, Any]]


def comparison_page(tokens: Sequence[ComparedToken], tokenizer: Tokenizer, facts: ComparisonFacts) -> bytes:
    """Return an HTML page that shows a passage colored by surprisal, and the errors of the model.

    About 2,000 tokens, at consecutive positions, are easy to read.
    """
    if not tokens:
        raise EvaluationError("a page must show at least one token, but has none; compare more tokens")
    data = {
        **{name: getattr(facts, name) for name in ("model", "corpus", "split", "protocol")},
        "figures": dict(facts.figures),
        "unit": {"character": "character", "subword": "token"}.get(tokenizer.kind, "word"),
        "groups": [
            {"title": "By rank in the training vocabulary", "label": "rank", "rows": facts.by_frequency},
            {"title": "By position since the last <eos>", "label": "position", "rows": facts.by_position},
        ],
        **_passage(tokens, tokenizer),
    }
    written = json.dumps(data, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)
    return one_page("comparison.js", '<script type="application/json" id="data">', written.encode("ascii"))


def _passage(tokens: Sequence[ComparedToken], tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the passage: words are indices of a list, and an infinite surprisal is null."""
    ids = sorted({token.actual_id for token in tokens} | {token_id for token in tokens for token_id, _ in token.top})
    index_of = {token_id: index for index, token_id in enumerate(ids)}
    spaces = _spaces([token.actual_id for token in tokens], tokenizer)
    return {
        "first": tokens[0].position,
        "words": [tokenizer.display(token_id) for token_id in ids],
        "end": index_of.get(tokenizer.vocabulary.end_id, -1),
        "tokens": [
            (
                index_of[token.actual_id],
                token.rank,
                finite(round(token.surprisal_bits, 3)),
                around,
                [(index_of[token_id], float(f"{probability:.4g}")) for token_id, probability in token.top],
            )
            for token, around in zip(tokens, spaces, strict=True)
        ],
    }


def _spaces(ids: Sequence[int], tokenizer: Tokenizer) -> Iterator[int]:
    """Yield for each token whether the text has spaces before and after it, as bits."""
    for before, token_id in pairwise([tokenizer.vocabulary.end_id, *ids]):
        text = tokenizer.decode([before, token_id]).removeprefix(tokenizer.decode([before]))
        around = _SPACE_BEFORE * text.startswith(" ") + _SPACE_AFTER * text.endswith(" ")
        yield around if text.strip(" ") else 0
