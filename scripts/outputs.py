"""Run the examples of pages, and write their outputs into the pages or compare them.

    python scripts/outputs.py docs/learn/words.md             # run it, write what differs
    python scripts/outputs.py --check docs/learn/*.md         # run them, report what differs, exit with 1
    python scripts/outputs.py --console docs/evaluation.md    # only the commands
    python scripts/outputs.py --exceptions docs/*.md          # run nothing, list what is not compared, and why

Blocks of Python run from top to bottom with shared names, in an empty folder; below each stands what it prints and the
repr of its last expression, in a block `text`. Commands in `console` blocks run in the same folder, their output below
each. Comments right above a block change that:

    <!-- not run: REASON -->                 leave it out
    <!-- not compared: REASON -->            run it, whatever it prints
    <!-- output: varies -->                  run it, it must print something
    <!-- output: numbers within 2 % -->      numbers may differ by 2 %
    <!-- slow -->                            its page takes long; only the slow tests run it

A line `...` of an output stands for any number of lines, `...` inside a line for any text. A command fails if and only
if its output in the page has a line that begins with `error:`.
"""

import argparse
import sys
import time
from pathlib import Path

from documentation.exceptions import exceptions_in
from documentation.page import Page


def main(arguments: list[str] | None = None) -> int:
    """Run the pages; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--console", action="store_true", help="run only the commands")
    parser.add_argument("--exceptions", action="store_true", help="list the examples that are not compared")
    given = parser.parse_args(arguments)
    if given.exceptions:
        print("\n".join(exceptions_in(given.pages)))
        return 0
    failed = False
    for path in given.pages:
        page, start = Page(path), time.monotonic()
        done = page.problems(python=not given.console) if given.check else page.write(python=not given.console)
        for line in done:
            print(line, flush=True)
            failed = failed or not line.endswith(": written")
        print(f"{path}: {len(page.examples)} examples in {time.monotonic() - start:.1f} s", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
