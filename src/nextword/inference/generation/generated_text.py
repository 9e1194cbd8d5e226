"""Generated texts, their scores, and the text that each token adds to the text before it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from unicodedata import category

from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

_ZERO_WIDTH_JOINER = 0x200D
_RANGES = {
    "r": [(0x1F1E6, 0x1F1FF)],
    "e": [(0x200C, 0x200C), (0x1F3FB, 0x1F3FF), (0xE0020, 0xE007F), (0xFF9E, 0xFF9F)],
    "L": [(0x1100, 0x115F), (0xA960, 0xA97C)],
    "V": [(0x1160, 0x11A7), (0xD7B0, 0xD7C6)],
    "T": [(0x11A8, 0x11FF), (0xD7CB, 0xD7FB)],
}


_KINDS = {"Mn": "e", "Me": "e", "Mc": "s", "So": "p", "Cc": "c", "Cf": "c", "Zl": "c", "Zp": "c"}


class _Classes(dict[int, str]):
    """What joins a character to its neighbors: `r` halves of flags, `e s` marks, `L V T H G` Hangul, `p` pictures."""

    def __missing__(self, point: int) -> str:
        found = self[point] = self._of(point)
        return found

    def _of(self, point: int) -> str:
        if point in (0xD, 0xA, _ZERO_WIDTH_JOINER):
            return {0xD: "R", 0xA: "N", _ZERO_WIDTH_JOINER: "z"}[point]
        if 0xAC00 <= point <= 0xD7A3:
            return "G" if (point - 0xAC00) % 28 else "H"
        for name, ranges in _RANGES.items():
            if any(first <= point <= last for first, last in ranges):
                return name
        return _KINDS.get(category(chr(point)), ".")


_CLASSES = _Classes()
_CHARACTER = re.compile(r"RN|[RNc]|(?:rr|p(?:e*zp)*|L*(?:V+|HV*|G)T*|L+|T+|.)[esz]*")

_OPEN = ("a", "\N{REGIONAL INDICATOR SYMBOL LETTER A}", "\N{HANGUL CHOSEONG KIYEOK}", "\N{WOMAN}\u200d")
"""Examples of text that the next token may extend to one character: a letter, half a flag, Hangul, an emoji."""


def piece_of(tokenizer: Tokenizer, before: int | None, token_id: int) -> str:
    """Return the text that a token adds after the token `before`, or at the beginning if that is `None`.

    The text depends only on these two tokens.
    """
    if before is None:
        return tokenizer.decode([token_id])
    return tokenizer.decode([before, token_id])[len(tokenizer.decode([before])) :]


def text_pieces(tokenizer: Tokenizer, prompt_ids: Sequence[int], ids: Iterable[int]) -> Iterator[str]:
    """Yield the text of each token; a space between two words belongs to the second word.

    `tokenizer.decode(prompt_ids)` followed by all pieces is the text of all tokens.
    """
    before = prompt_ids[-1] if prompt_ids else None
    for token_id in ids:
        yield piece_of(tokenizer, before, token_id)
        before = token_id


def after_prompt(tokenizer: Tokenizer, prompt: str, pieces: Iterable[str]) -> Iterator[str]:
    """Yield the pieces of a text, without a leading space if the prompt ends with one.

    For a character model, the space of the prompt is a token, so a leading space of the text is kept.
    """
    first = " " if prompt[-1:].isspace() and tokenizer.kind != "character" else ""
    for piece in pieces:
        yield piece.removeprefix(first)
        first = "" if piece else first


def characters_of(text: str) -> list[str]:
    """Split a text into characters that a reader perceives (grapheme clusters, Unicode Annex 29)."""
    return [text[match.start() : match.end()] for match in _CHARACTER.finditer(text.translate(_CLASSES))]


def may_join(vocabulary: Vocabulary) -> bool:
    """Return whether a token can begin with a part of the character before it."""
    firsts = {token[0] for token in vocabulary.tokens}
    return any(len(characters_of(base + first)) == 1 for first in firsts for base in _OPEN)


def whole_characters(pieces: Iterable[str]) -> Iterator[str]:
    """Yield pieces of text in whole characters: the last one waits until the next character begins."""
    held = ""
    for piece in pieces:
        *complete, last = characters_of(held + piece) or [""]
        if complete:
            yield "".join(complete)
        held = last
    if held:
        yield held


Ending = Literal["end", "stop", "length"]
"""Reason for the end of a text: `<eos>`, a stop string, or the maximum number of tokens."""


def stop_position(text: str, stops: Sequence[str]) -> int | None:
    """Return the number of characters before the first complete stop string; `None` if there is none."""
    matches = [(start + len(stop), start) for stop in stops if (start := text.find(stop)) >= 0]
    return min(matches)[1] if matches else None


def partial_stop_length(text: str, stops: Sequence[str]) -> int:
    """Return the length of the longest suffix of a text that is a proper prefix of a stop string."""
    longest = min(len(text), max(map(len, stops), default=1) - 1)
    lengths = range(longest, 0, -1)
    return next((n for n in lengths if any(n < len(stop) and stop.startswith(text[-n:]) for stop in stops)), 0)


def until_stop(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """Yield pieces of text up to a stop string, and request no pieces after it.

    Each character is yielded as soon as it cannot be part of a stop string.
    """
    held = ""
    for piece in pieces:
        held += piece
        stop = stop_position(held, stops)
        shown = len(held) - partial_stop_length(held, stops) if stop is None else stop
        if shown:
            yield held[:shown]
        if stop is not None:
            return
        held = held[shown:]
    if held:
        yield held


@dataclass(frozen=True)
class EndRule:
    """The conditions that end a text."""

    num_tokens: int
    end_id: int | None = None
    stops: tuple[str, ...] = ()
    tokenizer: Tokenizer | None = None

    def next_tail(self, tail: str, before: int | None, token_id: int) -> str:
        """Return the end of a text that can contain a stop string; `tail` is this end before `token_id`."""
        if not self.stops or self.tokenizer is None:
            return ""
        kept = min(len(tail), max(map(len, self.stops)) - 1)
        return tail[len(tail) - kept :] + piece_of(self.tokenizer, before, token_id)

    def ending(self, count: int, token_id: int, tail: str) -> Ending | None:
        """Return why a text with `count` tokens, this last token and this tail ends; `None` if it does not end."""
        if any(stop in tail for stop in self.stops):
            return "stop"
        if token_id == self.end_id:
            return "end"
        return "length" if count >= self.num_tokens else None


@dataclass(frozen=True)
class GeneratedText:
    """The continuation of a prompt.

    Attributes:
        prompt: The prompt.
        text: The continuation, without prompt and stop string.
        ids: Tokens of the continuation, including `<eos>` or the stop string at its end.
        log_prob: Natural log-probability of `ids` after the prompt, by the model without filters.
        score: `log_prob` divided by the length normalizer of `ids`.
        ending: Reason for the end: "end" for `<eos>`, "stop" for a stop string, "length" for the maximum length.
        others: Other texts of the search, best first.

    Example:
        >>> import nextword
        >>> request = nextword.Request(max_tokens=4, search=nextword.SearchOptions(decoding="greedy"))
        >>> (found,) = nextword.load("austen").generate_many(["I am very much"], request)
        >>> found.ending, len(found.ids), found.log_prob < 0
        ('length', 4, True)
    """

    prompt: str
    text: str
    ids: tuple[int, ...]
    log_prob: float
    score: float
    ending: Ending
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
        if self.others:
            table["others"] = [
                {name: value for name, value in other.to_table().items() if name != "prompt"} for other in self.others
            ]
        return table


def length_normalizer(num_tokens: int, exponent: float) -> float:
    r"""Return the divisor of log-probabilities of texts with different lengths: $((5 + n) / 6)^\alpha$.

    With exponent 0 it is 1, and the shorter of two texts almost always has the better score.

    Source:
        Wu et al. (2016), "Google's Neural Machine Translation System", equation 14.
    """
    return float(((5 + num_tokens) / 6) ** exponent)


class Continuation(NamedTuple):
    """A complete or incomplete text, immutable."""

    ids: tuple[int, ...] = ()
    log_prob: float = 0.0
    ending: Ending | None = None  # reason for the end; `None` if the text is incomplete
    tail: str = ""  # part at the end that can contain a stop string

    def score(self, exponent: float) -> float:
        """Return the log-probability divided by `length_normalizer`."""
        return self.log_prob / length_normalizer(len(self.ids), exponent)
