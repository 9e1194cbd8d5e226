"""Options of an export, and the export that ends a training run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from nextword.bundle.files import ONNX
from nextword.bundle.run_directory import RunDirectory
from nextword.errors import NextwordError
from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Settings):
    """The precision of an exported model, its allowed cost, and the files that are kept."""

    group: ClassVar[str] = "export"
    task: ClassVar[str] = "export"

    int8: bool = setting(False, help="Store the weights in eight bits: smaller, and several times faster.")
    slim: bool = setting(
        False, help="Leave out the float32 weights, for a model that only runs in onnxruntime. Needs --output."
    )
    max_loss_percent: float = setting(
        1.0, help="Refuse an int8 model whose perplexity is more than X percent higher.", at_least=0.0, at_most=1000.0
    )


def export_run(directory: RunDirectory, detail: Callable[[str], object]) -> None:
    """Add `model.onnx` in float32 to the bundle of a finished run, unless it has one or cannot have one.

    It computes what the float32 weights compute, so the metrics of the run stay true. The weights stay in the bundle.
    If it cannot be exported, `detail` receives the reason.
    """
    if not directory.model.is_dir() or (directory.model / ONNX).is_file():
        return
    try:
        from nextword.export.export import export_bundle

        export_bundle(directory.model, ExportOptions())
    except (ImportError, NextwordError) as error:
        detail(f"the model is not exported, so it needs seconds to start: {error}")
