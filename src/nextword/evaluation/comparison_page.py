"""A comparison as one HTML page that needs nothing else: no network, no fonts, no files beside it.

The page is the template with three things put in: its style, its script and the data. Model and text come from
strangers, so their words stand in the data alone: JSON in which `<`, `>` and `&` are written as escapes, so that
nothing in it can end the element that holds it. The script puts them on the page as text, never as markup, and the
page's content security policy lets this script and this style run, known by their hashes, and nothing else.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib import resources
from itertools import pairwise
from string import Template
from typing import Any

from nextword.errors import EvaluationError
from nextword.evaluation.comparison import ComparedToken
from nextword.evaluation.perplexity import Evaluation
from nextword.storage.strict_json import finite
from nextword.text.tokenizer import Tokenizer

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_SPACE_BEFORE, _SPACE_AFTER = 1, 2


def comparison_page(
    tokens: Sequence[ComparedToken],
    evaluation: Evaluation,
    tokenizer: Tokenizer,
    *,
    model: str,
    corpus: str,
    split: str,
) -> str:
    """Return the HTML of a page that shows a stretch of text, coloured by surprisal, and where the model errs.

    Args:
        tokens: The stretch, each token at the position after the one before; about 2,000 are easily read.
        evaluation: The figures of the whole split.
        tokenizer: What the tokens are shown by.
        model: The model's name, for the page's head.
        corpus: The text's name.
        split: Which part of the text.

    Raises:
        EvaluationError: There are no tokens.
    """
    if not tokens:
        raise EvaluationError("a page must show at least one token, but has none; compare more words")
    style, script = _beside("comparison_page.css"), _beside("comparison_page.js")
    heading = {"model": model, "corpus": corpus, "split": split}
    return Template(_beside("comparison_page.html")).substitute(
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'",
        style=style,
        script=script,
        data=_embedded(_data(tokens, evaluation, tokenizer) | {"heading": heading}),
    )


def _data(tokens: Sequence[ComparedToken], evaluation: Evaluation, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return what the script draws; words are named by their place in a list, and a surprisal without end is null."""
    ids = sorted({token.actual_id for token in tokens} | {guess.token_id for token in tokens for guess in token.top})
    place = {token_id: index for index, token_id in enumerate(ids)}
    end_id = tokenizer.vocabulary.end_id
    return {
        "figures": evaluation.to_table(),
        "unit": {"character": "character", "subword": "token"}.get(tokenizer.kind, "word"),
        "paragraphs": tokenizer.line_ends == "paragraph",
        "first_position": tokens[0].position,
        "words": [tokenizer.display(token_id) for token_id in ids],
        "end": place.get(end_id, -1),
        "tokens": [
            (
                place[token.actual_id],
                token.rank,
                finite(round(token.surprisal_bits, 3)),
                spaces,
                [(place[guess.token_id], float(f"{guess.probability:.4g}")) for guess in token.top],
            )
            for token, spaces in zip(tokens, _spaces([token.actual_id for token in tokens], tokenizer), strict=True)
        ],
    }


def _spaces(ids: Sequence[int], tokenizer: Tokenizer) -> Iterator[int]:
    """Yield for each token where the text has spaces beside it, as bits."""
    for before, token_id in pairwise([tokenizer.vocabulary.end_id, *ids]):
        text = tokenizer.decode([before, token_id]).removeprefix(tokenizer.decode([before]))
        around = _SPACE_BEFORE * text.startswith(" ") + _SPACE_AFTER * text.endswith(" ")
        yield around if text.strip(" ") else 0


def _embedded(table: dict[str, Any]) -> str:
    text = json.dumps(table, allow_nan=False, separators=(",", ":"))
    return "".join(_ESCAPES.get(character, character) for character in text)


def _beside(name: str) -> str:
    return resources.files("nextword.evaluation").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
