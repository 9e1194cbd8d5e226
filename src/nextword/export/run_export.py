"""Exports the model of a finished run, so that it answers without starting the training framework."""

from collections.abc import Callable

from nextword.bundle.files import ONNX
from nextword.bundle.run_directory import RunDirectory
from nextword.errors import ExportError, SettingError


def export_run(directory: RunDirectory, detail: Callable[[str], object]) -> None:
    """Add `model.onnx` in float32 to the bundle of a finished run, unless it has one or cannot have one.

    It computes what the float32 weights compute, so the metrics of the run stay true. The weights stay in the bundle.
    If it cannot be exported, `detail` receives the reason.
    """
    if not directory.model.is_dir() or (directory.model / ONNX).is_file():
        return
    try:
        from nextword.export.export import export_bundle
        from nextword.export.options import ExportOptions

        export_bundle(directory.model, ExportOptions())
    except (ImportError, ExportError, SettingError) as error:
        detail(f"the model is not exported, so it needs seconds to start: {error}")
