"""Types of options and arguments. A value that breaks a rule fails with a clause: `must be ..., but is ...`."""

import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from nextword.errors import SettingError
from nextword.system.files import kind_of

PATH = click.Path(path_type=Path)
DIRECTORY = click.Path(path_type=Path, file_okay=False)

Parameter = click.Parameter | None
Context = click.Context | None


class Number(click.ParamType[Any]):
    """A number within limits."""

    def __init__(self, kind: type[int] | type[float], at_least: float | None = None, at_most: float | None = None):
        self.name = "N" if kind is int else "X"
        self._kind, self._at_least, self._at_most = kind, at_least, at_most

    def convert(self, value: Any, param: Parameter, ctx: Context) -> Any:
        """Return the number, or fail if the value is none or out of range."""
        try:
            number = self._kind(value)
        except ValueError:
            self.fail(f"must be {'an integer' if self._kind is int else 'a number'}, but is {value!r}", param, ctx)
        low, high = self._at_least, self._at_most
        if isinstance(number, int) and abs(number) > sys.maxsize:
            high = sys.maxsize if high is None else high
        if (low is not None and number < low) or (high is not None and number > high):
            limits = (
                f"at least {low}" if high is None else f"at most {high}" if low is None else f"from {low} to {high}"
            )
            self.fail(f"must be {limits}, but is {number}", param, ctx)
        return number


class Numbers(click.ParamType[Any]):
    """Numbers separated by commas, such as `650,650`."""

    name = "N,N,..."

    def __init__(self, kind: type[int] | type[float]) -> None:
        self._kind = kind

    def convert(self, value: Any, param: Parameter, ctx: Context) -> Any:
        """Return the numbers, or fail."""
        try:
            return tuple(self._kind(part) for part in value.split(","))
        except ValueError:
            rule = "whole numbers separated by commas, such as 650,650"
            self.fail(
                f"must be {rule if self._kind is int else 'numbers separated by commas'}, but is {value!r}", param, ctx
            )


class WordChoice(click.Choice[str]):
    """One of several words."""

    def get_invalid_choice_message(self, value: Any, ctx: Context) -> str:  # noqa: ARG002 - of the base class
        """Return the rule, the value and the word that is most like it."""
        near = get_close_matches(str(value), self.choices, n=1)
        repair = f"; did you mean `{near[0]}`?" if near else ""
        return f"must be one of {', '.join(self.choices)}, but is '{value}'{repair}"


class OutputFile(click.Path):
    """A file to write. Its folder must exist, which is checked before hours of work, not after."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: Parameter, ctx: Context) -> Any:
        """Return the path, or fail if its folder is missing, or no file can take its place."""
        path = Path(str(super().convert(value, param, ctx)))
        if not path.absolute().parent.is_dir():
            self.fail(f"{str(path)!a} must be in a folder that exists, but {str(path.parent)!a} does not", param, ctx)
        if path.exists() and not path.is_file():
            self.fail(f"{str(path)!a} must be a file or a new name, but is {kind_of(path)}", param, ctx)
        return path


def require_unread(written: Iterable[Path | None], read: Iterable[str | Path | None]) -> None:
    """Raise `SettingError` if a command would write a file that it reads, or two results into one file."""
    taken = {Path(path).resolve() for path in read if path}
    for path in filter(None, written):
        if path.resolve() in taken:
            raise SettingError(f"`{path}` must not be overwritten, because this command uses it; name another file")
        taken.add(path.resolve())
