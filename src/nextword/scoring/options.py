"""The choices with which lines are scored."""

from dataclasses import dataclass
from typing import ClassVar

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class ScoringOptions(Settings):
    """How lines are scored.

    Raises:
        SettingError: A value leaves its range.

    Example:
        >>> ScoringOptions(eos=False).to_table()
        {'bos': True, 'eos': False, 'carry': False, 'read_ahead': 4096}
    """

    group: ClassVar[str] = "scoring"

    bos: bool = setting(
        True, help="Begin each line as a line begins, after <eos>; else what stands before it is not known."
    )
    eos: bool = setting(True, help="Count the line's end as a token, <eos>.")
    carry: bool = setting(False, help="Read all lines as one text, each after those before it; slower.")
    read_ahead: int = setting(
        4096, help="Lines that are read ahead, so that those of like length are scored together.", at_least=1
    )


DEFAULT_OPTIONS = ScoringOptions()
"""Whole lines, each a text of its own."""
