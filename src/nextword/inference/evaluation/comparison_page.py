"""A comparison as one self-contained HTML page, without network, fonts or other files.

The page is a template with a style, a script and data. The words of model and text are not trusted, so they are only in
the data. It is JSON with `<`, `>` and `&` escaped, so no word can end its HTML element. The script adds words to the
page as text, never as markup. The page's content security policy allows only this script and this style, by hash.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib import resources
from itertools import pairwise
from string import Template
from typing import Any

from nextword.disk.strict_json import finite
from nextword.errors import EvaluationError
from nextword.inference.evaluation.comparison import ComparedToken
from nextword.inference.evaluation.perplexity import Evaluation
from nextword.text.tokens.tokenizer import Tokenizer

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
    """Return an HTML page that shows a passage colored by surprisal, and the errors of the model.

    Args:
        tokens: Tokens at consecutive positions; about 2,000 are easy to read.
        evaluation: Metrics of the whole split.
        tokenizer: Tokenizer of the model, to display the tokens.
        model: Name of the model, for the header.
        corpus: Name of the text.
        split: Name of the split.

    Raises:
        EvaluationError: There are no tokens.
    """
    if not tokens:
        raise EvaluationError("a page must show at least one token, but has none; compare more tokens")
    style, script = _read("comparison_page.css"), _read("comparison_page.js")
    heading = {"model": model, "corpus": corpus, "split": split}
    return Template(_read("comparison_page.html")).substitute(
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'",
        style=style,
        script=script,
        data=_embedded(_data(tokens, evaluation, tokenizer) | {"heading": heading}),
    )


def _data(tokens: Sequence[ComparedToken], evaluation: Evaluation, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the data of the script: words are indices into a list, and an infinite surprisal is null."""
    ids = sorted({token.actual_id for token in tokens} | {guess.token_id for token in tokens for guess in token.top})
    index_of = {token_id: index for index, token_id in enumerate(ids)}
    end_id = tokenizer.vocabulary.end_id
    return {
        "figures": evaluation.to_table(),
        "unit": {"character": "character", "subword": "token"}.get(tokenizer.kind, "word"),
        "paragraphs": tokenizer.line_ends == "paragraph",
        "first_position": tokens[0].position,
        "words": [tokenizer.display(token_id) for token_id in ids],
        "end": index_of.get(end_id, -1),
        "tokens": [
            (
                index_of[token.actual_id],
                token.rank,
                finite(round(token.surprisal_bits, 3)),
                spaces,
                [(index_of[guess.token_id], float(f"{guess.probability:.4g}")) for guess in token.top],
            )
            for token, spaces in zip(tokens, _spaces([token.actual_id for token in tokens], tokenizer), strict=True)
        ],
    }


def _spaces(ids: Sequence[int], tokenizer: Tokenizer) -> Iterator[int]:
    """Yield for each token whether the text has spaces before and after it, as bits."""
    for before, token_id in pairwise([tokenizer.vocabulary.end_id, *ids]):
        text = tokenizer.decode([before, token_id]).removeprefix(tokenizer.decode([before]))
        around = _SPACE_BEFORE * text.startswith(" ") + _SPACE_AFTER * text.endswith(" ")
        yield around if text.strip(" ") else 0


def _embedded(table: dict[str, Any]) -> str:
    text = json.dumps(table, allow_nan=False, separators=(",", ":"))
    return "".join(_ESCAPES.get(character, character) for character in text)


def _read(name: str) -> str:
    return resources.files("nextword.inference.evaluation").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
