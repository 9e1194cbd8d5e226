"""Plants each bug in a copy of the tree, and runs the tests that are expected to notice it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from trust.mutants.patches import ROOT, Mutant

_COPIED = ("src", "tests")
_HIDDEN = "."
_SECONDS = 240
"""Longest time of one test: a bug may make it wait for ever."""


@dataclass(frozen=True)
class Outcome:
    """What came of a planted bug.

    Attributes:
        mutant: The bug.
        noticed_by: The first test that failed; `None` if all passed.
        seconds: How long the tests ran.
    """

    mutant: Mutant
    noticed_by: str | None
    seconds: float


def outcomes(
    planted: Sequence[Mutant], workers: int = 2, on_outcome: Callable[[Outcome], object] = lambda _: None
) -> list[Outcome]:
    """Plant each bug, and return which test noticed it.

    Raises:
        PatchError: A patch no longer applies.
        RuntimeError: The tests could not be run, or one that noticed a bug fails without it too.
    """
    with _trees(workers) as trees:

        def outcome(mutant: Mutant) -> Outcome:
            tree = trees.get()
            mutant.apply(tree)
            began = time.monotonic()
            try:
                failed = failing_test(tree, [f"tests/{test}" for test in mutant.tests])
            finally:
                mutant.undo(tree)
                trees.put(tree)
            found = Outcome(mutant, failed, time.monotonic() - began)
            on_outcome(found)
            return found

        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(outcome, planted))
        noticing = sorted({each.noticed_by for each in found if each.noticed_by})
        if noticing and (failed := failing_test(trees.get(), noticing)):
            raise RuntimeError(f"{failed} notices a planted bug, but fails without it too")
    return found


@contextmanager
def _trees(count: int) -> Iterator[SimpleQueue[Path]]:
    """Give copies of the tree; what is not changed is linked."""
    with TemporaryDirectory(prefix="mutants-") as folder:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(count):
            tree = Path(folder, str(number))
            for name in _COPIED:
                shutil.copytree(ROOT / name, tree / name)
            for path in ROOT.iterdir():
                if path.name not in _COPIED and not path.name.startswith(_HIDDEN):
                    (tree / path.name).symlink_to(path)
            trees.put(tree)
        yield trees


def failing_test(tree: Path, tests: Sequence[str]) -> str | None:
    """Return the first of some tests that fails in a tree; `None` if all pass.

    Raises:
        RuntimeError: They could not be run.
    """
    options = f"-x -q -p no:xdist --hypothesis-profile=first-failure --tb=line --timeout={_SECONDS}".split()
    left_out = ("NEXTWORD_TRUST", "PYTEST", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environment |= {"PYTHONPATH": str(tree / "src"), "PYTHONPYCACHEPREFIX": str(tree.parent / "bytecode"), "CI": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-m", "not slow", *tests],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    found = [
        line.split(" - ")[0].split(" ", 1)[1]
        for line in done.stdout.splitlines()
        if line.startswith(("FAILED ", "ERROR "))
    ]
    if "+++ Timeout +++" in done.stderr + done.stdout and not found:
        return f"{tests[0]} (a test waits for ever)"
    if done.returncode != 1 or not found:
        raise RuntimeError(f"the tests {' '.join(tests)} could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return found[0]
