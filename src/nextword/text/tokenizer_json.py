"""`tokenizer.json` read with distrust: its vocabulary is taken out, and nothing else of it is used."""

import json
from typing import Any

from nextword.errors import TextError
from nextword.text.vocabulary import MAXIMUM_SIZE, Vocabulary

MAXIMUM_LENGTH = 64 * 2**20
"""Most characters of a `tokenizer.json`."""


def parse(text: str) -> Any:
    """Parse JSON that may come from anybody, refusing what Python's reader lets through.

    Raises:
        TextError: The text is too long, too deep, not JSON, repeats a key or holds a number that is not finite.
    """
    if len(text) > MAXIMUM_LENGTH:
        raise TextError(f"tokenizer.json must have at most {MAXIMUM_LENGTH:,} characters, but has {len(text):,}")
    try:
        return json.loads(text, object_pairs_hook=_distinct, parse_constant=_refused, parse_float=_refused)
    except (ValueError, RecursionError) as error:
        raise TextError(f"tokenizer.json must be plain JSON, but is not: {error}") from error


def vocabulary_of(parsed: Any) -> Vocabulary:
    """Return the vocabulary of a parsed `tokenizer.json`.

    Raises:
        TextError: There is none, or its ids are not 0, 1, 2, ...
    """
    model = parsed.get("model") if isinstance(parsed, dict) else None
    ids = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(ids, dict):
        raise TextError("tokenizer.json must hold a table `vocab` in a table `model`, but does not")
    if len(ids) > MAXIMUM_SIZE:
        raise TextError(f"tokenizer.json must hold at most {MAXIMUM_SIZE:,} tokens, but holds {len(ids):,}")
    if any(type(token_id) is not int for token_id in ids.values()) or set(ids.values()) != set(range(len(ids))):
        raise TextError(f"the token ids of tokenizer.json must be 0 to {len(ids) - 1}, each once, but are not")
    return Vocabulary(tuple(sorted(ids, key=ids.__getitem__)))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key is repeated")
    return table


def _refused(number: str) -> Any:
    raise ValueError(f"the number {number[:20]} is not a whole number")
