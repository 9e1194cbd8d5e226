"""A notebook that runs in a kernel of this Python."""

from pathlib import Path

import nbclient
import nbformat

from documentation.runner import environment

_PREPARE = """\
import warnings

warnings.simplefilter("error")
warnings.simplefilter("ignore", PendingDeprecationWarning)  # of the kernel when it ends
warnings.filterwarnings("ignore", "Error reading persistent compilation cache entry", UserWarning)
warnings.filterwarnings("ignore", "__array__ implementation doesn.t accept a copy keyword", DeprecationWarning)"""


def executed(path: Path, folder: Path, seconds: int = 600) -> nbformat.NotebookNode:
    """Return a notebook with its outputs, after all its cells ran with warnings as errors.

    Args:
        path: The notebook.
        folder: The working directory.
        seconds: How long a cell may take.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raised an error.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(_PREPARE))
    client = nbclient.NotebookClient(
        notebook, timeout=seconds, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=environment() | {"JUPYTER_PLATFORM_DIRS": "1"})
    notebook.cells.pop(0)
    return notebook
