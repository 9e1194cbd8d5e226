"""Words of messages: numbers with their noun, and text that is safe to print even if its origin is unknown."""


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


def counted(number: float, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun, in the plural unless the number is 1.

    Args:
        number: The number.
        noun: What it counts, in the singular.
        plural: The plural, if it is not the noun with an s.

    Example:
        >>> counted(1, "round"), counted(2500, "step"), counted(0, "hypothesis", "hypotheses")
        ('1 round', '2,500 steps', '0 hypotheses')
    """
    shown = f"{number:,.0f}" if number == round(number) else f"{number:g}"
    return f"{shown} {noun if number == 1 else plural or f'{noun}s'}"
