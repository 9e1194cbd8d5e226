"""The notebooks of the course are what their chapters make, and the first one runs.

`test_outputs.py` runs the chapters, so it runs the code of the other notebooks.
"""

from pathlib import Path

import pytest

from documentation.notebook import notebooks_of, repository_in
from support.executed_notebook import executed

LEARN = Path(__file__).parents[2] / "docs" / "learn"
NOTEBOOKS = sorted((LEARN / "notebooks").glob("*.ipynb"))


def test_each_notebook_is_what_its_chapter_makes() -> None:
    present = {path.name: path.read_text(encoding="utf-8") for path in NOTEBOOKS}
    assert present == notebooks_of(LEARN, repository_in(present.values())), "run: make notebooks"


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_notebook_runs(tmp_path: Path) -> None:
    cells = [cell for cell in executed(NOTEBOOKS[0], tmp_path).cells if cell.cell_type == "code"]
    written = "".join(str(output.get("text", "")) for cell in cells for output in cell.outputs)
    assert "command not found" not in written
    assert "Traceback" not in written
