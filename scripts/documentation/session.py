"""The process in which the Python of a page runs, one namespace for all its blocks.

Reads a JSON object a line from standard input, `{"code": ..., "page": ..., "line": ...}`, and answers each with
`{"output": ..., "failed": ...}`: what the block wrote to standard output and error, and the repr of its last
expression.
"""

import ast
import json
import linecache
import os
import sys
import tempfile
import traceback
from typing import Any


def run(code: str, page: str, line: int, names: dict[str, Any]) -> bool:
    """Run a block as a notebook does, and return whether it failed.

    Args:
        code: The block.
        page: Path of its page, for tracebacks.
        line: The line of the page at which the code begins.
        names: The namespace.
    """
    try:
        tree = ast.parse("\n" * (line - 1) + code, page)
        linecache.getlines(page)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr) and not code.rstrip().endswith(";"):
            tree.body.pop()
            exec(compile(tree, page, "exec"), names)  # noqa: S102
            value = eval(compile(ast.Expression(last.value), page, "eval"), names)  # noqa: S307
            if value is not None:
                names["_"] = value
                print(repr(value))
        else:
            exec(compile(tree, page, "exec"), names)  # noqa: S102
    except BaseException as error:
        if isinstance(error, SystemExit) and not error.code:
            return False
        frames = traceback.TracebackException.from_exception(error)
        while frames.stack and frames.stack[0].filename == __file__:
            frames.stack.pop(0)
        print("".join(frames.format()), file=sys.stderr)
        return True
    return False


def main() -> None:
    """Answer requests until standard input ends."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    names: dict[str, Any] = {"__name__": "__main__"}
    for request in requests:
        asked = json.loads(request)
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            failed = run(asked["code"], asked["page"], asked["line"], names)
            sys.stdout.flush()
            sys.stderr.flush()
            file.seek(0)
            output = file.read().decode(errors="replace")
        answers.write(json.dumps({"output": output, "failed": failed}) + "\n")
        answers.flush()


if __name__ == "__main__":
    sys.path[0] = ""  # the folder of the page, not that of this file
    main()
