"""The carried state of several processes as one array in a checkpoint."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nextword.training.stream_model import Arrays, StreamModel, named_variables

if TYPE_CHECKING:
    from nextword.training.processes import Processes


def gather_rows(arrays: Arrays, stream: StreamModel, processes: "Processes") -> Arrays:
    """Return the arrays of a checkpoint with the rows of all processes, from those of this one."""
    return {name: processes.gather(array) if name in _split_names(stream) else array for name, array in arrays.items()}


def own_rows(arrays: Mapping[str, NDArray[Any]], stream: StreamModel, processes: "Processes") -> Arrays:
    """Return the arrays of a checkpoint with only the rows of this process."""
    num_processes, process_id = processes.part
    return {
        name: np.array_split(array, num_processes)[process_id] if name in _split_names(stream) else array
        for name, array in arrays.items()
    }


def _split_names(stream: StreamModel) -> set[str]:
    return {name for name, variable in named_variables(stream).items() if stream.is_split(variable)}
