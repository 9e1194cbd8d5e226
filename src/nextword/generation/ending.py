"""When a text is complete."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from nextword.generation.pieces import piece_of, text_pieces
from nextword.text.tokenizer import Tokenizer

Ending = Literal["end", "stop", "length"]
"""Why a text is complete: `<eos>` was written, a stop string, or as many tokens as were asked for."""


def stop_place(text: str, stops: Sequence[str]) -> int | None:
    """Return how many characters of a text stand before its stop string, `None` if it has none.

    Example:
        >>> stop_place("abcd", ["cd", "bc", "d"])
        1
    """
    places = [(place + len(stop), place) for stop in stops if (place := text.find(stop)) >= 0]
    return min(places)[1] if places else None


def held_back(text: str, stops: Sequence[str]) -> int:
    """Return the length of the longest end of a text that may be the beginning of a stop string.

    Example:
        >>> held_back("to the e", ["the end", "eel"])
        5
    """
    longest = min(len(text), max(map(len, stops), default=1) - 1)
    lengths = range(longest, 0, -1)
    return next((n for n in lengths if any(n < len(stop) and stop.startswith(text[-n:]) for stop in stops)), 0)


def until_stop(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """Yield a text that comes in pieces up to its stop string, asking for no more pieces after it.

    Each character comes as soon as it is known not to belong to the stop string.
    """
    held = ""
    for piece in pieces:
        held += piece
        place = stop_place(held, stops)
        shown = len(held) - held_back(held, stops) if place is None else place
        if shown:
            yield held[:shown]
        if place is not None:
            return
        held = held[shown:]
    if held:
        yield held


@dataclass(frozen=True)
class EndRule:
    """What ends a text.

    Attributes:
        num_tokens: Its most tokens.
        end_id: The id of `<eos>` if that ends it.
        stops: Stop strings; `nextword.generation.ending` says where they cut.
        tokenizer: How tokens become text, for stop strings.
    """

    num_tokens: int
    end_id: int | None = None
    stops: tuple[str, ...] = ()
    tokenizer: Tokenizer | None = None

    def tail_with(self, tail: str, before: int | None, token_id: int) -> str:
        """Return the end of a text in which a stop string may lie, given that end before its last token came."""
        if not self.stops or self.tokenizer is None:
            return ""
        kept = min(len(tail), max(map(len, self.stops)) - 1)
        return tail[len(tail) - kept :] + piece_of(self.tokenizer, before, token_id)

    def num_shown(self, before: int | None, ids: Sequence[int]) -> int:
        """Return how many of a text's tokens stand whole before its stop string, all if it has none."""
        if self.tokenizer is None:
            return len(ids)
        pieces = list(text_pieces(self.tokenizer, [] if before is None else [before], ids))
        place = stop_place("".join(pieces), self.stops)
        ends = accumulate(map(len, pieces))
        return len(ids) if place is None else sum(end <= place for end in ends)

    def ending(self, count: int, token_id: int, tail: str) -> Ending | None:
        """Return why a text of `count` tokens, which ends with this token and this tail, is complete, if it is."""
        if any(stop in tail for stop in self.stops):
            return "stop"
        if token_id == self.end_id:
            return "end"
        return "length" if count >= self.num_tokens else None
