"""How a model is exported."""

from dataclasses import dataclass
from typing import ClassVar

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Settings):
    """In which precision a model is exported, and what that may cost.

    Raises:
        SettingError: A value leaves its range.
    """

    group: ClassVar[str] = "export"

    int8: bool = setting(False, help="Keep the weights in eight bits: smaller, and several times faster.")
    max_loss_percent: float = setting(
        1.0, help="By how many percent int8 may raise the perplexity of the text.", at_least=0.0, at_most=1000.0
    )
