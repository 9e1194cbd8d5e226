"""Each public name has an entry in the Python reference, and each entry has an example that runs; errors need none.

The examples run as doctests of `src`.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import nextword

PAGES = sorted((Path(__file__).parents[2] / "docs" / "api").glob("*.md"))
ENTRIES = [
    entry for page in PAGES for entry in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
]


def found(entry: str) -> Any:
    module, _, name = entry.rpartition(".")
    return getattr(import_module(module), name)


def test_every_public_name_has_an_entry() -> None:
    entries = list(map(found, ENTRIES))
    public = {name: getattr(nextword, name) for name in nextword.__all__ if name != "kenlm"}
    assert {name for name, value in public.items() if value not in entries} == set()
    assert "nextword.kenlm.Model" in ENTRIES
    assert len(set(ENTRIES)) == len(ENTRIES)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_has_an_example(entry: str) -> None:
    value = found(entry)
    if isinstance(value, type) and issubclass(value, (nextword.NextwordError, Warning)):
        return  # an error is shown where it is raised
    documented = value.__doc__ or ""
    assert re.search(r"^ *Example:\n +>>> ", documented, re.MULTILINE), f"{entry} needs an `Example:` that runs"
