"""`RunSettings`, the typed settings of `nextword.train`, made from the classes that declare them.

python scripts/run_settings.py             # write src/nextword/api/run_settings.py
python scripts/run_settings.py --check     # exit with 1 if it is older than the declarations
"""

import argparse
import dataclasses
import sys
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nextword.model.architecture import ModelOptions
from nextword.text.options import BatchOptions, TextOptions
from nextword.training.options import TrainingOptions

PAGE = Path(__file__).resolve().parent.parent / "src" / "nextword" / "api" / "run_settings.py"
_KINDS = {"text": TextOptions, "model": ModelOptions, "batches": BatchOptions, "training": TrainingOptions}
_HEAD = '''"""The settings of a run by name, so that an editor completes them. Made by scripts/run_settings.py."""

from collections.abc import Sequence
from typing import Literal, TypedDict


class RunSettings(TypedDict, total=False):
    """Settings that `nextword.train` takes in `settings`; `nextword train --help-all` explains each.

    Example:
        >>> settings: RunSettings = {"hidden_sizes": (256, 256), "learning_rate": 0.002}
    """
'''


def module() -> str:
    """Return the text of the module."""
    lines = [_HEAD]
    for heading, kind in _KINDS.items():
        hints = typing.get_type_hints(kind)
        lines.append(f"    # {heading.capitalize()}")
        lines += [f"    {field.name}: {_source(hints[field.name])}" for field in dataclasses.fields(kind)]
    return "\n".join(lines) + "\n"


def _source(hint: Any) -> str:
    """Return a type as it is written; a tuple may be given as any sequence."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " | ".join(map(_source, arguments))
    if origin is typing.Literal:
        return f"Literal[{', '.join(f'"{value}"' for value in arguments)}]"
    if origin is tuple:
        return f"Sequence[{_source(arguments[0])}]"
    return "None" if hint is types.NoneType else str(hint.__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the module, or check it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the module is older")
    check = parser.parse_args(arguments).check
    text = module()
    is_older = PAGE.read_text(encoding="utf-8") != text
    if is_older and not check:
        PAGE.write_text(text, encoding="utf-8")
    if is_older:
        print(f"{PAGE.name}: {'older than the declarations; make settings' if check else 'written'}")
    return int(is_older and check)


if __name__ == "__main__":
    sys.exit(main())
