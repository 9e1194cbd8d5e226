import os
import subprocess
import sys
from pathlib import Path

DRAW = """
from pathlib import Path
from nextword.storage.pictures import draw_picture
draw_picture(Path("chart.svg"), (3, 3), lambda figure: figure.subplots().plot([1, 2]))
"""


def test_a_chart_is_drawn_without_a_home_folder_and_without_a_complaint(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.touch()  # a file, below which no folder can be made
    environment = {**os.environ, "HOME": str(home)}
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"):
        environment.pop(name, None)
    command = [sys.executable, "-c", DRAW]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stderr == ""
    assert (tmp_path / "chart.svg").is_file()
