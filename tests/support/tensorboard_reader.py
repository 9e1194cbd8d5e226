"""Reads the scalars in a folder of event files with TensorBoard's own reader."""

import warnings
from pathlib import Path
from typing import Any


def shown_by_tensorboard(folder: Path) -> list[tuple[int, dict[str, float]]]:
    """Return the figures by step, in the order in which TensorBoard holds those of each name.

    A step that TensorBoard would show twice is there twice.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of TensorBoard's own packages
        from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray

        read: Any = EventAccumulator(str(folder), size_guidance={"tensors": 0})
        read.Reload()
    rows: dict[tuple[int, int], dict[str, float]] = {}
    for name in read.PluginTagToContent("scalars"):
        times: dict[int, int] = {}
        for event in read.Tensors(name):
            times[event.step] = times.get(event.step, 0) + 1
            rows.setdefault((event.step, times[event.step]), {})[name] = float(make_ndarray(event.tensor_proto))
    return [(step, figures) for (step, _), figures in sorted(rows.items())]
