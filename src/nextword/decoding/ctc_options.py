"""The choices of the beam search."""

from dataclasses import dataclass
from typing import ClassVar

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class CtcOptions(Settings):
    """How a beam search weighs sound and language, and how far it looks.

    Raises:
        SettingError: A value leaves its range.
    """

    group: ClassVar[str] = "ctc"

    alpha: float = setting(0.5, help="Weight of the model's log-probability.")
    beta: float = setting(1.0, help="What each word adds.")
    unknown_offset: float = setting(
        -3.0,
        help="What each character of a word that the model does not know adds to its log-probability.",
        at_most=0.0,
    )
    score_end: bool = setting(True, help="Whether the line ends where the sound does.")
    beam_size: int = setting(32, help="Texts that are kept after each frame.", at_least=1)
    minimum_log_prob: float = setting(
        -12.0, help="A text is not continued by a character that a frame finds less probable than this.", at_most=0.0
    )


DEFAULT_OPTIONS = CtcOptions()
"""Half of the model's log-probability, and one nat a word."""
