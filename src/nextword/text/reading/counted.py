"""Numbers with the noun that they count."""


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
