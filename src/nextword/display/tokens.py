"""The design tokens: colors and type of the page, the pictures, the notebooks and the documentation.

Their source is `page/site/tokens.css`.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

_CSS = (files("nextword.display.page") / "site" / "tokens.css").read_text(encoding="utf-8")

COLORS: Mapping[str, tuple[str, str]] = {
    name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", _CSS)
}
"""Each color on light and on dark paper. Text has a contrast of at least 4.5 on both."""

_FONTS = {name: fonts.replace(", ", ",") for name, fonts in re.findall(r"--(sans|serif): ([^;]*);", _CSS)}
SANS, SERIF = _FONTS["sans"], _FONTS["serif"]


def translucent(name: str, opacity: float) -> str:
    """Return a color of the light scheme that lets its ground through, for CSS."""
    red, green, blue = bytes.fromhex(COLORS[name][0][1:])
    return f"rgba({red},{green},{blue},{opacity:.2f})"
