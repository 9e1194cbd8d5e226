"""A ledger: a file with one JSON object a line, each the fields of one dataclass."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nextword.disk.files import write_file
from nextword.errors import SettingError


def parsed[Line](kind: type[Line], table: Mapping[str, Any]) -> Line:
    """Return the line in a JSON table.

    Raises:
        SettingError: A key is missing, unknown, or of the wrong type.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    missing = {name for name, field in fields.items() if field.default is dataclasses.MISSING} - set(table)
    if missing or not set(table) <= set(fields):
        raise SettingError(f"a result must have the keys {', '.join(fields)}, but has {', '.join(table)}")
    for name, value in table.items():
        if not _fits(value, fields[name].type):
            raise SettingError(f"`{name}` of a result must be {fields[name].type}, but is {value!r}")
    return kind(**table)


def read_ledger[Line](path: Path, kind: type[Line]) -> list[Line]:
    """Return the lines of a ledger, oldest first.

    Raises:
        SettingError: The file cannot be read, a line is of another kind, or a line is repeated.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"`{path}` must be a file of results, but cannot be read ({error})") from error
    results: dict[Line, int] = {}
    for number, line in enumerate(lines, 1):
        try:
            result = parsed(kind, json.loads(line))
        except (ValueError, TypeError, SettingError) as error:
            raise SettingError(f"line {number} of `{path}` must be a result: {error}") from error
        if result in results:
            raise SettingError(f"line {number} of `{path}` must say something new, but repeats line {results[result]}")
        results[result] = number
    return list(results)


def write_ledger(path: Path, results: Sequence[Any]) -> None:
    """Write results to a ledger, one per line.

    Raises:
        StorageError: The disk refused.
    """
    lines = [json.dumps(dataclasses.asdict(result), allow_nan=False) + "\n" for result in results]
    write_file(path, "".join(lines).encode())


def _fits(value: Any, kind: Any) -> bool:
    if value is None:
        return bool(kind == float | None)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, {str: str, int: int}.get(kind, (int, float)))
