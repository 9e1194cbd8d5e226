"""Print how large the project is, and fail if a number is above its limit.

    python scripts/limits.py

    lines of the package            49,233   at most 49,240

A limit is lowered when less is reached. It is raised only by the decision that a new feature deserves its room.
"""

import ast
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import click
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LIMITS = {
    "lines of the package": 35_600,
    "files of the package": 240,
    "folders at the top": 12,
    "files at the top": 4,
    "lines of the tests": 44_900,
    "tests, in percent of the package": 127,
    "lines of JavaScript, CSS and HTML": 4_640,
    "lines of the benchmarks": 5_500,
    "lines of the scripts": 4_900,
    "commands": 16,
    "parameters of all commands": 340,
    "settings of a run": 55,
    "endpoints": 13,
    "extras": 7,
    "modules below 100 lines that one module imports, beside them": 3,
    "imports inside functions": 60,
    "packages of the base install": 12,
    "lines of the longest function": 50,
}

_ROOT = Path(__file__).parent.parent
_PACKAGE = _ROOT / "src" / "nextword"


def main() -> int:
    """Print each number with its limit; return 1 if a number is above it."""
    numbers = measure()
    width = max(map(len, numbers))
    over = [name for name, number in numbers.items() if number > LIMITS[name]]
    for name, number in numbers.items():
        note = "   TOO MANY" if name in over else ""
        print(f"{name:{width}}  {number:>7,}   at most {LIMITS[name]:>7,}{note}")
    return 1 if over else 0


def measure() -> dict[str, int]:
    """Return each number that has a limit."""
    modules = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(_PACKAGE.rglob("*.py"))}
    package, tests = _lines(_PACKAGE, ".py"), _lines(_ROOT / "tests", ".py")
    commands = _commands()
    return {
        "lines of the package": package,
        "files of the package": len(modules),
        "folders at the top": sum(1 for path in _PACKAGE.iterdir() if any(path.glob("*.py"))),
        "files at the top": sum(not path.name.startswith("__") for path in _PACKAGE.glob("*.py")),
        "lines of the tests": tests,
        "tests, in percent of the package": round(100 * tests / package),
        "lines of JavaScript, CSS and HTML": _lines(_PACKAGE, ".js", ".css", ".html"),
        "lines of the benchmarks": _lines(_ROOT / "benchmarks", ".py"),
        "lines of the scripts": _lines(_ROOT / "scripts", ".py"),
        "commands": len(commands),
        "parameters of all commands": sum(len(command.params) for command in commands),
        "settings of a run": _settings(),
        "endpoints": _endpoints(),
        "extras": len(_project()["optional-dependencies"]),
        "modules below 100 lines that one module imports, beside them": _lonely(modules),
        "imports inside functions": sum(_inner_imports(tree) for tree in modules.values()),
        "packages of the base install": len(_installed_by(_project()["dependencies"])),
        "lines of the longest function": max(map(_longest_function, modules.values())),
    }


def _lines(folder: Path, *suffixes: str) -> int:
    paths = (path for path in folder.rglob("*") if path.suffix in suffixes and "node_modules" not in path.parts)
    return sum(path.read_text(encoding="utf-8").count("\n") for path in paths)


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _commands() -> list[click.Command]:
    group = import_module("nextword.cli.main").nextword
    context = click.Context(group)
    return [group.get_command(context, name) for name in group.list_commands(context)]


def _settings() -> int:
    groups = import_module("nextword.training.config")._GROUPS.values()  # noqa: SLF001
    return sum(len(fields(group)) for group in groups if is_dataclass(group))


def _endpoints() -> int:
    routers = [module.router for module in import_module("nextword.serving.application").ROUTES]
    return sum(route.include_in_schema for router in routers for route in router.routes)


def _lonely(modules: dict[Path, ast.Module]) -> int:
    """Count short modules whose only importer is in their folder: most of them are a part of it."""
    names = {_name(path): path for path in modules if path.name != "__init__.py"}
    importers: dict[str, set[Path]] = {name: set() for name in names}
    for path, tree in modules.items():
        for name in _imported(tree):
            if name in importers and names[name] != path:
                importers[name].add(path)
    return sum(
        len(paths) == 1
        and next(iter(paths)).parent == names[name].parent
        and names[name].read_text(encoding="utf-8").count("\n") < 100
        for name, paths in importers.items()
    )


def _name(path: Path) -> str:
    return ".".join(("nextword", *path.relative_to(_PACKAGE).with_suffix("").parts))


def _imported(tree: ast.Module) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _inner_imports(tree: ast.Module) -> int:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = {id(node) for function in functions for node in ast.walk(function) if _is_import(node)}
    return len(inner)


def _is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _longest_function(tree: ast.Module) -> int:
    """Return the lines of the longest function, without its docstring."""
    longest = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            lines = (node.end_lineno or 0) - node.lineno + 1
            longest = max(longest, lines - (docstring.count("\n") + 1 if docstring else 0))
    return longest


def _installed_by(requirements: Iterable[str]) -> set[str]:
    """Return the names of the packages that requirements install here, with what these need themselves."""
    names: set[str] = set()
    waiting = list(requirements)
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name in names or not (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            continue
        names.add(name)
        try:
            waiting.extend(requires(name) or ())
        except PackageNotFoundError:
            print(f"`{name}` is not installed here, so what it needs is not counted", file=sys.stderr)
    return names


if __name__ == "__main__":
    raise SystemExit(main())
