"""Options of an export."""

from dataclasses import dataclass
from typing import ClassVar

from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Settings):
    """The precision of an exported model, its allowed cost, and the files that are kept.

    Raises:
        SettingError: A value is out of range.
    """

    group: ClassVar[str] = "export"

    int8: bool = setting(
        False, help="Store the weights in eight bits: smaller, and several times faster.", task="export"
    )
    slim: bool = setting(
        False,
        help="Leave out the float32 weights, for a model that only runs in onnxruntime. Needs --output.",
        task="export",
    )
    max_loss_percent: float = setting(
        1.0,
        help="Refuse an int8 model whose perplexity is more than X percent higher.",
        at_least=0.0,
        at_most=1000.0,
        task="export",
    )
