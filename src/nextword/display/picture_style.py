"""The colors and fonts of all pictures, as variables of CSS that follow the reader's color scheme."""

from collections.abc import Mapping, Sequence

COLORS: Mapping[str, tuple[str, str]] = {
    "ink": ("#22201c", "#e9e6df"),
    "muted": ("#625c52", "#b3aea4"),
    "line": ("#d9d3c7", "#41444e"),
    "edge": ("#8f887b", "#8b8e9a"),
    "raised": ("#ffffff", "#23252c"),
    "ground": ("#f0ece4", "#2d3038"),
    "pale": ("#dcecea", "#1e3a39"),
    "accent": ("#0b6e6e", "#5fc9bd"),
    "blue": ("#1f5fbf", "#6db3ee"),
    "orange": ("#c2410c", "#ee9a62"),
    "highlight": ("#fbebc8", "#4a3a1c"),
    "quiet": ("#8a8f98", "#9a9fab"),
    "violet": ("#7a4fb5", "#bf9bf0"),
    "olive": ("#8a6d0b", "#d9b94a"),
}
"""Each variable with its color on a light and on a dark page. Text has a contrast of at least 4.5 on both."""

SANS = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif'
SERIF = '"Iowan Old Style","Palatino Linotype",Palatino,Georgia,"Noto Serif","DejaVu Serif",serif'


def style_sheet(colors: Sequence[str], rules: Sequence[str] = ()) -> str:
    """Return the style sheet of a picture.

    Args:
        colors: Names of the variables that it uses.
        rules: Its rules, which use `var(--NAME)`.

    Example:
        >>> style_sheet(["ink"], ["text{fill:var(--ink)}"]).splitlines()[2]
        'text{fill:var(--ink)}'
    """
    light, dark = (";".join(f"--{name}:{COLORS[name][scheme]}" for name in colors) for scheme in (0, 1))
    return "\n".join([f"svg{{{light}}}", f"@media (prefers-color-scheme:dark){{svg{{{dark}}}}}", *rules])
