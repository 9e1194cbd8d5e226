"""Write the notebooks of the course: `docs/learn/NAME.md` becomes `docs/learn/notebooks/NN-NAME.ipynb`.

python scripts/notebooks.py            # write them, and remove those without a chapter
python scripts/notebooks.py --check    # exit with 1 if one is not what its chapter makes

With `NEXTWORD_REPO_URL`, such as `https://github.com/OWNER/NAME`, each gets a link to Colab, and keeps it from then on.
"""

import argparse
import os
import sys
from pathlib import Path

from documentation.notebook import notebooks_of, repository_in

CHAPTERS = Path(__file__).resolve().parent.parent / "docs" / "learn"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the notebooks of a folder; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="?", type=Path, default=CHAPTERS, help="the folder of the chapters")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    given = parser.parse_args(arguments)
    folder = given.chapters / "notebooks"
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.ipynb")}
    made = notebooks_of(given.chapters, os.environ.get("NEXTWORD_REPO_URL", "") or repository_in(present.values()))
    stale = sorted(name for name in made.keys() | present.keys() if made.get(name) != present.get(name))
    for name in stale:
        if given.check:
            print(f"{folder / name}: not what its chapter makes; run: make notebooks")
        elif name in made:
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(made[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return int(given.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
