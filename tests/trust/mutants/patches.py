"""The planted bugs: small patches of the source, each with the test files that are expected to notice it."""

import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = Path(__file__).parent


class PatchError(Exception):
    """A patch has no header, or no longer applies."""


@dataclass(frozen=True)
class Mutant:
    """A patch with a header: a line `Bug:`, and a line `Test:` for each test file or test, below `tests/`.

    Attributes:
        path: The patch.
    """

    path: Path

    @property
    def name(self) -> str:
        """The name of the patch; its first word is the part of the package that it is in."""
        return self.path.stem

    @property
    def bug(self) -> str:
        """What goes wrong."""
        return self._fields("Bug")[0]

    @property
    def tests(self) -> list[str]:
        """The test files and tests, below `tests/`."""
        return self._fields("Test")

    @cached_property
    def _header(self) -> list[tuple[str, str]]:
        lines = self.path.read_text(encoding="utf-8").partition("\n--- ")[0].splitlines()
        return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]

    def _fields(self, name: str) -> list[str]:
        found = [value for key, value in self._header if key == name]
        if not found:
            raise PatchError(f"`{self.path.name}` must begin with `{name}: ...`, but does not")
        return found

    def require_applicable(self, tree: Path = ROOT) -> None:
        """Raise a `PatchError` unless the patch applies to a tree, which does not change."""
        self._run_git(tree, "--check")

    def apply(self, tree: Path) -> None:
        """Patch a tree."""
        self._run_git(tree)

    def undo(self, tree: Path) -> None:
        """Take the patch back."""
        self._run_git(tree, "--reverse")

    def _run_git(self, tree: Path, *options: str) -> None:
        # A repository around the tree would make git skip the files.
        environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
        command = ["git", "apply", *options, str(self.path)]
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        if done.returncode or "Skipped" in done.stderr:
            raise PatchError(
                f"`{self.path.name}` no longer applies; plant its bug in the present source, and save `git diff` below "
                f"its header:\n{done.stderr.strip()}"
            )


def mutants(only: str = "") -> list[Mutant]:
    """Return the mutants whose name holds `only`, by name."""
    return [Mutant(path) for path in sorted(FOLDER.glob("*.patch")) if only in path.stem]
