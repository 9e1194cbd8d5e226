"""How a text is called: in messages, in the names of runs, and where it is looked for again."""

import glob
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from nextword.text.sources.plain import GATHERED
from nextword.text.sources.remote import as_path, is_url
from nextword.text.sources.samples import SAMPLES
from nextword.text.sources.selection import is_pattern

IN_MEMORY = "text"
"""The name of a text that a program holds in memory."""

_NEAR = 0.75
"""How similar, from 0 to 1, a name must be to one that was given to be suggested instead."""


def stored_name(text: str | Path) -> str:
    """Return a name by which a text is found from any folder: a sample's name, an address, or an absolute path."""
    text = as_path(text) if isinstance(text, str) else text
    if isinstance(text, str) and (is_url(text) or is_pattern(text)):
        return text if is_url(text) else str(Path.cwd() / text)
    return str(Path(text).resolve()) if text not in SAMPLES and Path(text).exists() else str(text)


def run_name(text: str | Path) -> str:
    """Return a plain name for what is made of a text.

    Example:
        >>> run_name("books/emma.txt"), run_name("https://example.org/mail.jsonl"), run_name("mail/*.txt")
        ('emma', 'mail', 'mail')
    """
    path = Path(text)
    while glob.has_magic(path.stem):
        path = path.parent
    return path.stem or "text"


def names_of(text: str | Path) -> tuple[str, str]:
    """Return the name of a text that is a file, a folder or a sample, and the name by which it is found again."""
    path = Path(text).resolve()
    if is_gathered(text):
        return IN_MEMORY, str(path)
    return str(text) if text in SAMPLES else path.name, stored_name(text)


def is_gathered(text: Any) -> bool:
    """Return whether a text was in memory, and is a file or folder of the cache now."""
    if not isinstance(text, str | Path):
        return False
    path = Path(text).resolve()
    return any(GATHERED.fullmatch(name) for name in (path.name, path.parent.name))


def not_found(text: str, path: Path) -> str:
    """Return the message for a name that no text has; it suggests one that is near."""
    samples = SAMPLES if len(path.parts) == 1 else ()
    try:
        names = [*samples, *(neighbor.name for neighbor in path.parent.iterdir())]
    except (OSError, ValueError):
        names = [*samples]
    near = get_close_matches(path.name, names, n=1, cutoff=_NEAR)
    repair = f"did you mean `{path.with_name(near[0])}`?" if near else f"samples: {', '.join(SAMPLES)}"
    if not near and " " in text and not path.suffix[1:].isalnum():
        return f"`{text[:60]}` is not a sample, file or folder; if it is the text itself, pass a list, such as `[text]`"
    return (
        f"`{text}` is not a sample, file or folder; {repair} (for a file or folder with a sample's name, write ./NAME)"
    )
