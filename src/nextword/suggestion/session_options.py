"""Options of a suggestion session."""

from dataclasses import dataclass
from typing import ClassVar

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class SessionOptions(Settings):
    """Options for suggestions while a text is typed.

    Raises:
        SettingError: A value is out of range.
    """

    group: ClassVar[str] = "session"

    learn: bool = setting(True, help="Offer words outside the vocabulary once they were typed.")
    restore_case: bool = setting(
        True, help="Begin sentences with a capital where the vocabulary has none, and keep the case that is typed."
    )
    case_weight: float = setting(
        0.1, help="What a word counts for whose case is not as typed, beside one whose is.", at_least=0.0, at_most=1.0
    )
    history: int = setting(256, help="States that are kept to come back to.", at_least=1, at_most=2**16)
    user_word_weight: float = setting(
        0.1, help="Probability of words outside the vocabulary in their own context.", at_least=0.0, below=1.0
    )
    user_word_theta: float = setting(
        10.0, help="How much a context must be like that of a word outside the vocabulary.", at_least=0.0, at_most=1e4
    )
    user_word_memory: int = setting(
        500, help="Uses of words outside the vocabulary whose context is kept.", at_least=1, at_most=2**16
    )
    beam_width: int = setting(
        8, help="Beginnings followed at once where words are spelled out of characters.", at_least=1, at_most=1024
    )
    beam_length: int = setting(24, help="Most characters of a word that is spelled out.", at_least=1, at_most=1024)
