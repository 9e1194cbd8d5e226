"""Runs a program in which the modules of nextword see what Windows has, and the rest of Python sees this system.

Usage: python like_windows.py PROGRAM [ARGUMENT ...]

nextword gets no POSIX-only modules, and stand-ins for `os`, `signal`, `sys` and others without the names that Windows
lacks. Which those are is read from typeshed, the types of the standard library that mypy ships. Libraries are left
alone, since those that support Windows ask `sys.platform` and take another path there.
"""

import ast
import builtins
import errno
import fcntl
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

ABSENT_MODULES = ("fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty")
PARTLY_ABSENT = ("errno", "mmap", "os", "select", "signal", "socket", "sys", "time")


def absent_names(module: str) -> set[str]:
    """Return the public names of a module that Linux has and Windows has not."""
    mypy = importlib.util.find_spec("mypy")
    assert mypy is not None
    assert mypy.origin is not None
    stdlib = Path(mypy.origin).parent / "typeshed" / "stdlib"
    path = next(path for path in (stdlib / module / "__init__.pyi", stdlib / f"{module}.pyi") if path.is_file())
    body = ast.parse(path.read_text(encoding="utf-8")).body
    linux, windows = (set(_names(body, platform)) for platform in ("linux", "win32"))
    return {name for name in linux - windows if not name.startswith("_")}


def _names(body: list[ast.stmt], platform: str) -> Iterator[str]:
    known = {"sys": SimpleNamespace(platform=platform, version_info=sys.version_info)}
    for node in body:
        match node:
            case ast.If():
                holds = eval(compile(ast.Expression(node.test), "typeshed", "eval"), known)  # noqa: S307
                yield from _names(node.body if holds else node.orelse, platform)
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.ImportFrom() | ast.Import():
                yield from (alias.asname or alias.name for alias in node.names)


class StandIn(ModuleType):
    """A module less the names that Windows lacks, with some that behave as they do there."""

    def __init__(self, real: ModuleType, absent: set[str], changed: Mapping[str, Any]) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _absent=absent, _changed=changed)

    def __getattr__(self, name: str) -> Any:
        if name in self._absent:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        return self._changed[name] if name in self._changed else getattr(self._real, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._real, name, value)


def _open(path: Any, flags: int, *arguments: Any, dir_fd: int | None = None) -> int:
    if dir_fd is not None:
        raise NotImplementedError("dir_fd unavailable on this platform")
    if Path(path).is_dir():
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return os.open(path, flags, *arguments)


def _stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
    if dir_fd is not None:
        raise NotImplementedError("dir_fd unavailable on this platform")
    return os.stat(path, follow_symlinks=follow_symlinks)  # noqa: PTH116


def _scandir(path: Any = ".") -> Any:
    if isinstance(path, int):
        raise TypeError("scandir: path should be string, bytes, os.PathLike or None, not int")
    return os.scandir(path)


def _fsync(descriptor: int) -> None:
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "Bad file descriptor")
    os.fsync(descriptor)


CHANGED: Mapping[str, Mapping[str, Any]] = {
    "os": {
        "fsync": _fsync,
        "name": "nt",
        "open": _open,
        "scandir": _scandir,
        "stat": _stat,
        "supports_dir_fd": set(),
        "supports_fd": {_stat},
        "supports_follow_symlinks": {_stat},
    },
    "sys": {"platform": "win32"},
}


def import_as_on_windows(real_import: Callable[..., ModuleType]) -> Callable[..., ModuleType]:
    """Return an import that gives the modules of nextword stand-ins."""
    stand_ins = {
        name: StandIn(import_module(name), absent_names(name), CHANGED.get(name, {})) for name in PARTLY_ABSENT
    }

    def import_(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> ModuleType:  # noqa: A002
        importer = str((globals or {}).get("__name__", ""))
        if level == 0 and importer.partition(".")[0] == "nextword":
            if name in ABSENT_MODULES:
                raise ModuleNotFoundError(f"No module named '{name}'", name=name)
            if name in stand_ins:
                return stand_ins[name]
        return real_import(name, globals, locals, fromlist, level)

    return import_


def main() -> None:
    """Run the program that the command line names."""
    builtins.__import__ = import_as_on_windows(builtins.__import__)
    program = Path(sys.argv[1])
    sys.argv = sys.argv[1:]
    exec(compile(program.read_bytes(), program, "exec"), {"__name__": "__main__"})  # noqa: S102


if __name__ == "__main__":
    main()
