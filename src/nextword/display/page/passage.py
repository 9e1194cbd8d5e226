"""A passage of a held-out text, to guess the words of."""

from collections.abc import Iterable

MOST_CHARACTERS = 4000


def passage_of(lines: Iterable[str], *, most_characters: int = MOST_CHARACTERS) -> str:
    r"""Return the beginning of a text up to a line end, at most so long if it has shorter lines.

    It ends after a whole paragraph if one ends in its second half.

    Args:
        lines: The lines of the text without their line ends.
        most_characters: Most characters, line ends included.

    Example:
        >>> passage_of(["", "It is", "a truth.", "", "However,", "little known"], most_characters=25)
        'It is\na truth.'
    """
    text = ""
    for line in lines:
        if not text and not line.strip():
            continue
        longer = f"{text}\n{line}" if text else line
        if len(longer) > most_characters:
            break
        text = longer
    else:
        return text.rstrip()
    text = text or longer[:most_characters].rpartition(" ")[0]
    end = len(text) if text.endswith("\n") else text.rfind("\n\n")  # after a blank line, the text ends a paragraph
    return (text[:end] if end > len(text) // 2 else text).rstrip()
