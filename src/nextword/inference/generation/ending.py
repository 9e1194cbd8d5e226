"""Rules that end a generated text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from nextword.inference.generation.pieces import piece_of, text_pieces
from nextword.text.tokens.tokenizer import Tokenizer

Ending = Literal["end", "stop", "length"]
"""Reason for the end of a text: `<eos>`, a stop string, or the maximum number of tokens."""


def stop_position(text: str, stops: Sequence[str]) -> int | None:
    """Return the number of characters before the first complete stop string; `None` if there is none.

    Example:
        >>> stop_position("abcd", ["cd", "bc", "d"])
        1
    """
    matches = [(start + len(stop), start) for stop in stops if (start := text.find(stop)) >= 0]
    return min(matches)[1] if matches else None


def partial_stop_length(text: str, stops: Sequence[str]) -> int:
    """Return the length of the longest suffix of a text that is a proper prefix of a stop string.

    Example:
        >>> partial_stop_length("to the e", ["the end", "eel"])
        5
    """
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
    """The conditions that end a text.

    Attributes:
        num_tokens: Maximum number of tokens.
        end_id: Id of `<eos>` if it ends the text.
        stops: Stop strings.
        tokenizer: Tokenizer, needed for stop strings.
    """

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

    def num_shown(self, before: int | None, ids: Sequence[int]) -> int:
        """Return the number of tokens that end before the stop string; all tokens if there is none."""
        if self.tokenizer is None:
            return len(ids)
        pieces = list(text_pieces(self.tokenizer, [] if before is None else [before], ids))
        stop = stop_position("".join(pieces), self.stops)
        ends = accumulate(map(len, pieces))
        return len(ids) if stop is None else sum(end <= stop for end in ends)

    def ending(self, count: int, token_id: int, tail: str) -> Ending | None:
        """Return why a text with `count` tokens, this last token and this tail ends; `None` if it does not end."""
        if any(stop in tail for stop in self.stops):
            return "stop"
        if token_id == self.end_id:
            return "end"
        return "length" if count >= self.num_tokens else None
