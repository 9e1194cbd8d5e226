"""Draw the pictures of the documentation again, from code and from numbers in the repository.

    PYTHONPATH=benchmarks python scripts/pictures.py                 # all of them; `make pictures` does the same
    PYTHONPATH=benchmarks python scripts/pictures.py learn/cell.svg  # some
    PYTHONPATH=benchmarks python scripts/pictures.py --check         # change nothing; exit with 1 if a file differs

The table of all pictures is `PICTURES` in `scripts/documentation/pictures.py`. To add a chart:

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

3. Add a row to the table: `_charted("learn/ideas.svg", "learn/data/ideas.json", ideas_chart)`.

A drawing of `nextword draw` needs its command only: `Picture("learn/cell.svg", COMMAND)`.
"""

import argparse
import sys

from documentation.pictures import DOCS, PICTURES
from nextword.system.files import write_file


def main() -> None:
    """Draw, or check, all pictures or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="FILE", help="files in docs/images, all by default")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file differs")
    asked = parser.parse_args()
    unknown = set(asked.names) - {picture.path for picture in PICTURES}
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))} must be in the table of pictures, but is not")
    changed = False
    for picture in PICTURES:
        if asked.names and picture.path not in asked.names:
            continue
        path, drawn = DOCS / "images" / picture.path, picture.to_svg().encode()
        if path.exists() and path.read_bytes() == drawn:
            continue
        changed = True
        print(f"{picture.path}: {'differs' if asked.check else 'drawn'}")
        if not asked.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, drawn)
    sys.exit(1 if asked.check and changed else 0)


if __name__ == "__main__":
    main()
