"""`nextword.train` in the kernel of a notebook shows a curve that grows in one output."""

import random
import warnings
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = random.Random(0)
    path = tmp_path_factory.mktemp("live") / "story.txt"
    lines = (" ".join(chosen.choices(["a", "cat", "saw", "the", "dog"], k=6)) for _ in range(1000))
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def test_a_notebook_shows_a_curve_that_grows_in_one_output(text: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of Jupyter's own packages
        nbformat = pytest.importorskip("nbformat", reason="needs nbformat")
        nbclient = pytest.importorskip("nbclient", reason="needs nbclient")
        pytest.importorskip("ipykernel", reason="needs ipykernel")
        sizes = {"hidden_sizes": (8,), "embedding_size": 8, "batch_size": 4, "num_steps": 8, "round_steps": 40}
        call = f"nextword.train({str(text)!r}, preset='quick', epochs=0.3, settings={sizes})"
        cells = [f"import nextword\nmodel = {call}", "model", "model.history", "model.suggest('a cat', k=2)"]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        updates: list[str] = []

        class Client(nbclient.NotebookClient):  # type: ignore[misc, name-defined, unused-ignore]
            def process_message(self, message: dict[str, Any], *arguments: object) -> object:
                if message["header"]["msg_type"] == "update_display_data":
                    updates.append(message["content"]["data"]["text/html"])
                return super().process_message(message, *arguments)

        Client(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [[output for output in cell.outputs if output.output_type != "stream"] for cell in notebook.cells]
    (curve,) = outputs[0]
    assert curve.data["text/html"].count("<polyline") == 2
    assert "trained" in curve.data["text/html"]
    assert len({update.count("<circle") for update in updates}) > 1
    assert all("<table" in output[0].data["text/html"] for output in outputs[1:])
