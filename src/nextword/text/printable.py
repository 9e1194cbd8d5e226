"""Text that is safe to show on a terminal: a vocabulary or a line of unknown origin may hold control characters."""


def printable(text: str, *, keep: str = "") -> str:
    r"""Return a text with an escape for each character that is not printable.

    Args:
        text: The text.
        keep: Characters that stay as they are all the same, such as line ends.

    Example:
        >>> printable("no\x1b[2J\n", keep="\n")
        'no\\x1b[2J\n'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode("ascii") for c in text)
