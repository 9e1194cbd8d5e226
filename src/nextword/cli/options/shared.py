"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Any

import click

from nextword.disk.files import kind_of


class OutputFile(click.Path):
    """A file to write. Its folder must exist, which is checked before hours of work, not after."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or fail if its folder is missing, or no file can take its place."""
        path = Path(str(super().convert(value, param, ctx)))
        if not path.absolute().parent.is_dir():
            self.fail(f"{str(path)!a} must be in a folder that exists, but {str(path.parent)!a} does not", param, ctx)
        if path.exists() and not path.is_file():
            self.fail(f"{str(path)!a} must be a file or a new name, but is {kind_of(path)}", param, ctx)
        return path


data_dir_option = click.option(
    "--data-dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of sample texts.",
    show_default="NEXTWORD_DATA",
)

lowercase_option = click.option(
    "--lowercase", is_flag=True, help="Read the lines in lower case, for a model of lower-case text."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_BAD_BYTES: dict[str, Any] = {"type": click.Choice(["strict", "replace"])}
_BAD_BYTES_HELP = "Refuse bytes that are not UTF-8 and NULs, or replace them with U+FFFD"

bad_bytes_option = click.option("--on-bad-bytes", **_BAD_BYTES, default="strict", help=f"{_BAD_BYTES_HELP}.")

bad_bytes_of_splits_option = click.option(
    "--on-bad-bytes",
    **_BAD_BYTES,
    help=f"{_BAD_BYTES_HELP}.",
    show_default="as in training for the run's text, else strict",
)
