"""JavaScript modules as one script, for a page that is opened from a disk: browsers load no modules from there.

Each module becomes a function that returns its exports. The modules follow a convention, which is checked:

- imports are `import { a, b } from "./folder/name.js";`, without renaming, and form no cycle;
- exports are declarations: `export function`, `export async function`, `export class` and `export const`;
- nothing is imported while the page runs, and no top level waits.
"""

import posixpath
import re
from collections.abc import Mapping

from nextword.errors import ExportError

_IMPORT = re.compile(r'^import\s*\{([^{}]*)\}\s*from\s*"(\.\.?/[\w/.-]+\.js)";[ \t]*$', re.MULTILINE)
_EXPORT = re.compile(r"^export\s+((?:async\s+)?function|class|const)\s+(\w+)", re.MULTILINE)
_REFUSED = re.compile(r"^\s*(?:import|export)\b.*|\bimport\s*\(.*", re.MULTILINE)
_ENDS_SCRIPT = re.compile(r"</script|<!--|<script", re.IGNORECASE)


def one_script(sources: Mapping[str, str], entry: str) -> str:
    """Return the module `entry` and all that it imports as one classic script, in ASCII.

    Args:
        sources: The text of each module by its path, such as `model/engine.js`.
        entry: The path of the module to begin with.

    Raises:
        ExportError: A module does not follow the convention.

    Example:
        >>> sources = {"a.js": 'import { b } from "./c/b.js";\\nalert(b);\\n', "c/b.js": "export const b = 1;\\n"}
        >>> "const { b } = module_c_b;" in one_script(sources, "a.js")
        True
    """
    parts = [_as_function(name, sources[name]) for name in _in_order(sources, entry)]
    script = in_ascii('"use strict";\n(() => {\n' + "".join(parts) + "})();\n")
    if found := _ENDS_SCRIPT.search(script):
        raise ExportError(f"a script of the page must not hold `{found[0]}`, which ends it; write it in two parts")
    return script


def in_ascii(script: str) -> str:
    r"""Return JavaScript with all other characters as escapes of UTF-16 units.

    Example:
        >>> in_ascii('"…"')
        '"\\u2026"'
    """
    units = (character.encode("utf-16-be") if character > "~" else b"" for character in script)
    return "".join(
        "".join(f"\\u{pair[0]:02x}{pair[1]:02x}" for pair in zip(unit[::2], unit[1::2], strict=True)) or character
        for character, unit in zip(script, units, strict=True)
    )


def _in_order(sources: Mapping[str, str], entry: str) -> list[str]:
    """Return the modules, each after those that it imports."""
    order: list[str] = []
    open_modules: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        if name in open_modules:
            raise ExportError(f"the modules of the page must not import each other in a cycle, but {name} does")
        if name not in sources:
            raise ExportError(f"the page must hold the module {name}, but does not; install nextword again")
        open_modules.append(name)
        for _, path in _IMPORT.findall(sources[name]):
            visit(_beside(name, path))
        open_modules.remove(name)
        order.append(name)

    visit(entry)
    return order


def _as_function(name: str, source: str) -> str:
    def imported(match: re.Match[str]) -> str:
        names = " ".join(match[1].split())
        return f"const {{ {names} }} = {_variable(_beside(name, match[2]))};"

    exports = [match[2] for match in _EXPORT.finditer(source)]
    body = _EXPORT.sub(r"\1 \2", _IMPORT.sub(imported, source))
    if found := _REFUSED.search(body):
        raise ExportError(f"a module of the page must follow the convention, but {name} holds `{found[0].strip()}`")
    returned = f"return {{ {', '.join(exports)} }};\n"
    return f"const {_variable(name)} = (() => {{\n{body}{returned}}})();\n"


def _beside(name: str, path: str) -> str:
    """Return the path of a module that the module `name` imports by a relative path."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _variable(name: str) -> str:
    return f"module_{re.sub('[^0-9A-Za-z]', '_', name.removesuffix('.js'))}"
