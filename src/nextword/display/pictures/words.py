"""A short line of words for a picture."""

from collections.abc import Sequence

from nextword.errors import SettingError, printable


def words_of(text: str, *, at_least: int, at_most: int, what: str) -> list[str]:
    """Return the words of a text, between white space.

    Args:
        text: The text.
        at_least: The fewest words that the picture shows anything with.
        at_most: The most words that fit into it.
        what: What draws the words, for the error.

    Raises:
        SettingError: There are too few or too many words.
    """
    words = [printable(word) for word in text.split()]
    require_count(words, at_least=at_least, at_most=at_most, what=what)
    return words


def require_count(words: Sequence[str], *, at_least: int, at_most: int, what: str) -> None:
    """Refuse too few or too many words.

    Raises:
        SettingError: There are.
    """
    if not at_least <= len(words) <= at_most:
        raise SettingError(
            f"{what} needs {at_least} to {at_most} words, but the text has {len(words)}; give a "
            f"{'longer' if len(words) < at_least else 'shorter'} one"
        )
