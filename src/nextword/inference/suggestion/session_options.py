"""Options of a suggestion session."""

from dataclasses import dataclass
from typing import ClassVar

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class SessionOptions(Settings):
    """Options for suggestions while a text is typed.

    Raises:
        SettingError: A value is out of range.

    Example:
        >>> import nextword
        >>> options = nextword.SessionOptions(restore_case=False)
        >>> session = nextword.load("austen").session(options=options)
        >>> session.type("i am very much ob")
        >>> session.suggestions(k=1)[0].text
        'obliged'
    """

    group: ClassVar[str] = "session"
    task: ClassVar[str] = "session"

    learn: bool = setting(True, help="Suggest words outside the vocabulary after they were typed.")
    restore_case: bool = setting(True, help="Start sentences with a capital letter, and keep the case as typed.")
    case_weight: float = setting(
        0.1, help="Weight of a word whose case differs from what was typed.", at_least=0.0, at_most=1.0
    )
    history: int = setting(256, help="Number of earlier states to keep for edits.", at_least=1, at_most=2**16)
    user_word_weight: float = setting(0.1, help="Probability of user words in their context.", at_least=0.0, below=1.0)
    user_word_theta: float = setting(
        10.0, help="How similar a context must be to a user word's.", at_least=0.0, at_most=1e4
    )
    user_word_memory: int = setting(500, help="Number of uses of user words to remember.", at_least=1, at_most=2**16)
    beam_width: int = setting(
        8, help="Number of beginnings to follow when a word is spelled from characters.", at_least=1, at_most=1024
    )
    beam_length: int = setting(24, help="Most characters of a spelled word.", at_least=1, at_most=1024)
