"""Options and arguments that several commands share, as fields of their `CommandOptions`."""

from collections.abc import Iterable
from typing import Any

from nextword.cli.options.parameter_types import PATH
from nextword.cli.options.setting_option import option

MODEL = "the directory of a run or a model, or the sample model austen"
LINE = "a line of text in quotes"
_BAD_BYTES = "Refuse bytes that are not UTF-8 and NULs, or replace them with U+FFFD."


def data_dir_option() -> Any:
    """Return the field of `--data-dir`: a path or `None`."""
    return option(None, help="Folder of sample texts.", type=PATH, metavar="DIR", unset="NEXTWORD_DATA", is_rare=True)


def methods_help() -> str:
    """Return the help of `--method` for a command that takes methods after training too."""
    from nextword.engine.methods.chain import METHODS  # here, for it would slow the start of all commands

    return (
        "mixture: the network with the n-grams and cache of the model, if any. static: the network. Or methods after "
        f"training: {', '.join(METHODS)}. Joined by commas, each wraps those before it."
    )


def lowercase_option() -> Any:
    """Return the field of `--lowercase`."""
    return option(False, help="Read the lines in lower case, for a model of lower-case text.")


def lower_cased(lines: Iterable[str], *, lowercase: bool) -> Iterable[str]:
    """Return the lines, in lower case if `lowercase`."""
    return (line.lower() for line in lines) if lowercase else lines


def json_option() -> Any:
    """Return the field of `--json`."""
    return option(False, "--json", help="Print JSON.")


def bad_bytes_option() -> Any:
    """Return the field of `--on-bad-bytes`: what bytes that are not UTF-8 come to."""
    return option("strict", help=_BAD_BYTES, is_rare=True)


def bad_bytes_of_splits_option() -> Any:
    """Return the field of `--on-bad-bytes` for a text that may be that of a run; `None` then follows the run."""
    default = "as in training for the run's text, else strict"
    return option(None, help=_BAD_BYTES, unset=default, is_rare=True)
