"""Draw the pictures of the documentation again, from code and from numbers in the repository.

    PYTHONPATH=benchmarks:scripts python -m pictures                 # all of them; `make pictures` does the same
    PYTHONPATH=benchmarks:scripts python -m pictures learn/cell.svg  # some
    PYTHONPATH=benchmarks:scripts python -m pictures --check         # change nothing; exit with 1 if a file differs

The table of all pictures is `PICTURES` in `scripts/pictures/table.py`. To add a chart:

1. Put the numbers into a JSON file in `docs/learn/data/`, with the command and the commit that measured them.
2. Write a function that turns them into a chart by `bars` or `lines` of `harness.chart`, for example

       def ideas_chart(data):
           return bars(
               data["names"], data["perplexity"], emphasized=["all together"],
               title="What each idea is worth", x_label="test perplexity after ten minutes; lower is better",
           )

       def curves_chart(data):
           panels = [Panel("accuracy, %", [Line("validation", data["epochs"], data["accuracy"])])]
           return lines(panels, title="Accuracy by epoch", x_label="epochs")

3. Add a row to the table: `"learn/ideas.svg": _charted("learn/data/ideas.json", ideas_chart)`.
"""

import argparse
import sys

from nextword.system.files import write_file
from pictures.table import DOCS, PICTURES


def main() -> None:
    """Draw, or check, all pictures or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="FILE", help="files in docs/images, all by default")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file differs")
    asked = parser.parse_args()
    unknown = set(asked.names) - PICTURES.keys()
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))} must be in the table of pictures, but is not")
    changed = False
    for name in asked.names or PICTURES:
        path, drawn = DOCS / "images" / name, PICTURES[name]().encode()
        if path.exists() and path.read_bytes() == drawn:
            continue
        changed = True
        print(f"{name}: {'differs' if asked.check else 'drawn'}")
        if not asked.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, drawn)
    sys.exit(1 if asked.check and changed else 0)


if __name__ == "__main__":
    main()
