"""The name of a file that a command writes when its work is done."""

from pathlib import Path
from typing import Any

import click

from nextword.storage.single_file import kind_of


class OutputFile(click.Path):
    """A file to be written in a folder that is there: said before hours of work are done, and not after."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or fail where its folder is missing, or no file can take its place."""
        path = Path(str(super().convert(value, param, ctx)))
        if not path.absolute().parent.is_dir():
            self.fail(f"{str(path)!a} must be in a folder that is there, but {str(path.parent)!a} is none", param, ctx)
        if path.exists() and not path.is_file():
            self.fail(f"{str(path)!a} must be a file or a new name, but is {kind_of(path)}", param, ctx)
        return path
