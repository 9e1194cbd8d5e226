r"""Strings at which a text ends, wherever the borders of its tokens lie.

A text ends before the first stop string to be complete; of several that are complete with the same character, before
the longest. So where a text is cut depends on its characters alone and not on how they came.

    stop string "the end"      "in"  " the"   " e"   "nd of"      shown "in "
                                in   held     held   found
"""

from collections.abc import Iterable, Iterator, Sequence


def stop_place(text: str, stops: Sequence[str]) -> int | None:
    """Return how many characters of a text stand before its stop string, `None` where it has none.

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
    ends = (length for length in range(longest, 0, -1) if any(_begins(stop, text[-length:]) for stop in stops))
    return next(ends, 0)


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


def _begins(stop: str, text: str) -> bool:
    return len(text) < len(stop) and stop.startswith(text)
