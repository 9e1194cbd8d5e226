"""Quotes and dashes as they are typed (`don't`, `--`), in the form that a vocabulary has (`don’t`, `—`)."""

import re

from nextword.text.tokenizer import Tokenizer

_OPENING = re.compile("(?<![^ (\\[{\u2014-])[\"']")
_OPENED = str.maketrans("\"'", "\u201c\u2018")
_CLOSED = str.maketrans("\"'", "\u201d\u2019")
_STRAIGHT = str.maketrans("\u201c\u201d\u2018\u2019", "\"\"''")


def known_dashes(tokenizer: Tokenizer, text: str) -> str:
    """Return a text with `--` as an em dash if only that is in the vocabulary, and the other way round."""
    vocabulary = tokenizer.vocabulary
    if not any(dash in vocabulary for dash in ("\u2014", " \u2014", "\u2014 ", " \u2014 ")):
        return text.replace("\u2014", "--")
    return text if "--" in vocabulary or " --" in vocabulary else text.replace("--", "\u2014")


def known_pieces(tokenizer: Tokenizer, text: str) -> list[tuple[str, int]]:
    """Return the tokens of a tidy text as `Tokenizer.cut` does, unknown ones with other quotes if these help."""
    vocabulary, pieces = tokenizer.vocabulary, tokenizer.cut(text)
    unknown_id = vocabulary.unknown_id
    if all(token_id != unknown_id for _, token_id in pieces):
        return pieces
    curly = _OPENING.sub(lambda quote: quote[0].translate(_OPENED), text).translate(_CLOSED)
    forms = (curly, text.translate(_CLOSED), text.translate(_STRAIGHT))
    if tokenizer.kind == "subword":  # its pieces depend on the characters that are known
        characters = zip(text, *forms, strict=True)
        return tokenizer.cut("".join(next(filter(vocabulary.__contains__, each), each[0]) for each in characters))
    others = [cut for cut in map(tokenizer.cut, forms) if len(cut) == len(pieces)]
    return [
        next((piece for piece in each if piece[1] != unknown_id), each[0]) for each in zip(pieces, *others, strict=True)
    ]
