"""Text that is safe to print on a terminal, even if it comes from a file of unknown origin."""


def printable(text: str, *, keep: str = "") -> str:
    r"""Return a text with each unprintable character escaped.

    Args:
        text: The text.
        keep: Characters to leave as they are, such as line ends.

    Example:
        >>> printable("no\x1b[2J\n", keep="\n")
        'no\\x1b[2J\n'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode("ascii") for c in text)
