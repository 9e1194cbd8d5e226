"""Every example of the README and of the documentation runs.

A test takes a page from top to bottom, its commands and its blocks of Python with shared names, in a folder with a tiny
trained run. A new example is picked up without work. The rules:

- `train`, `doctor` and `serve` are parsed, with every flag and value, and not run, since they take minutes.
- `evaluate --keystrokes` types 300 tokens unless the page says how many.
- A name `runs/NAME`, `RUN`, `DIR` or `MODEL` is a copy of the tiny run; a text file is one of `_files`.
- `nextword.train` in a block of Python trains for a moment, with a tiny network unless the page has one of its own.
- `<!-- not run: REASON -->` right above a block takes it out; Python must compile even so.
- A block of Python that names `127.0.0.1:8000` finds a server of the sample model there.
- The output that a `console` block shows is compared (`scripts/outputs.py` writes it), unless a comment right above
  gives a reason: `<!-- not compared: REASON -->`. Every output of a tiny run or of a command that is not run has one.
- Results and the lab log keep the commands of their day. `test_outputs.py` runs the chapters of the course.
"""

import contextlib
import functools
import gzip
import io
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest

from documentation.blocks import Block, blocks_of
from documentation.commands import Command
from documentation.comparison import difference, matches
from documentation.console import entries_of
from documentation.page import ERROR, Page
from documentation.runner import COLUMNS
from nextword.api import train as train_module
from nextword.cli.main import main
from nextword.cli.main import nextword as command_line
from nextword.text.sources.samples import sample_path
from support.slow import rest_slow

ROOT = Path(__file__).parents[2]
RECORDS = {"results.md", "results-history.md", "lab-log.md", "troubleshooting.md", "coming-from.md"}
COMPARED = {"learn", "commands"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "src").rglob("samples/README.md"))]
PAGES = [page for page in PAGES if page.name not in RECORDS]
PARSED = [page for page in PAGES if page.parent.name in COMPARED and not Page(page).is_compared]
PAGES = [page for page in PAGES if page.parent.name not in COMPARED]
PAGES = [page for page in PAGES if any(each.runs for each in blocks_of(page))]
PARSED_ONLY = {"train", "doctor", "serve"}
TEXTS = dict.fromkeys(("ptb", "wikitext-2", "TEXT", "my-text"), "my-text.txt")
SERVER = "127.0.0.1:8000"
RUNS = re.compile(r"\bruns/[\w-]+|(?<=^nextword export )my-model", re.MULTILINE)

TINY_MODEL = {"embedding_size": 8, "hidden_sizes": (12, 8), "compute_dtype": "float32"}
TINY_TRAINING = {"num_steps": 10, "batch_size": 8}
SENTENCES = (
    "I am very much obliged to her letter. She was not table, happy or attached, and it is a truth universal.\n\n"
)


def _files(text: str) -> dict[str, str]:
    lines = "She was very much obliged.\nIt is a truth.\n"
    texts = dict.fromkeys(("my-text.txt", "their-text.txt", "novel.txt", "mine.txt"), text)
    typed = {
        "words.txt": "she\nwas\n",
        "names.txt": "Mary\nAnne\n",
        "lines.txt": lines,
        "stories.txt": lines,
        "a.txt": lines,
        "lines-with-names.txt": lines,
        "app.log": lines,
        "prompts.txt": "She was\nIt is\n",
        "keys": "my na\n",
    }
    return {**texts, **typed}


pytestmark = [  # of the tiny text, in training and in evaluation
    pytest.mark.filterwarnings(f"ignore:.* of the words are unknown:nextword.errors.{category}")
    for category in ("TrainingWarning", "EvaluationWarning")
]


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `my-text.txt` and `run`, a finished run over it that was exported."""
    folder = tmp_path_factory.mktemp("documentation")
    austen = sample_path("austen").read_text(encoding="utf-8")
    (folder / "my-text.txt").write_text(SENTENCES * 10 + austen[:150_000] + SENTENCES * 10, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train_module.train(
            "my-text.txt", preset="quick", epochs=0.2, run="run", settings={**TINY_MODEL, **TINY_TRAINING}, verbose=0
        )
        assert _exit_code(["export", "run"]) == 0
    return folder


@pytest.fixture
def folder(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that examples read; the working directory."""
    for name, text in _files((tiny_run / "my-text.txt").read_text(encoding="utf-8")).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"She was not.\n"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _train_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    train = train_module.train

    @functools.wraps(train)
    def briefly(text: Any, **given: Any) -> Any:
        settings = {**given.pop("settings", {}), **TINY_TRAINING, **({} if given.get("model") else TINY_MODEL)}
        run = given.get("run") and f"{given['run']}-of-python"  # since the tiny run is at that name
        return train(text, **{**given, "minutes": None, "epochs": 0.05, "run": run, "settings": settings, "verbose": 0})

    monkeypatch.setattr(train_module, "train", briefly)


def _bring_runs(text: str, tiny_run: Path, folder: Path) -> None:
    """Copy the tiny run to every place where a page expects a run."""
    for name in {*RUNS.findall(text), "RUN", "DIR", "MODEL"}:
        if not (folder / name).exists():
            shutil.copytree(tiny_run / "run", folder / name)


def _write_files(block: Block, folder: Path) -> None:
    """Run the commands of a console block that write files for others."""
    for entry in entries_of(block.body) if block.language == "console" else ():
        if entry.command.startswith("printf ") and "nextword" not in entry.command:
            subprocess.run(["bash", "-c", entry.command], cwd=folder, check=True)  # noqa: S607


def _exit_code(arguments: list[str]) -> int:
    try:
        main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def _parse(arguments: list[str]) -> None:
    context = click.Context(command_line, obj=arguments)
    parsed = command_line.get_command(context, arguments[0])
    assert parsed is not None
    parsed.make_context(arguments[0], arguments[1:], parent=context)


def _run(command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command, or parse it if it takes minutes, and return what a terminal would show."""
    arguments = [TEXTS.get(argument, argument) for argument in command.arguments]
    if "--keystrokes" in arguments and "--max-tokens" not in arguments:
        arguments += ["--max-tokens", "300"]  # a whole text is typed for minutes
    if "--significance" in arguments and "--method" not in arguments:
        arguments += ["--method", "static"]  # the tiny text has too few lines for blocks, which a mixture asks for
    if arguments[0] in PARSED_ONLY:
        _parse(arguments)
        return ""
    for option, value in pairwise(arguments):
        if option in {"-o", "--output"} and Path(value).is_dir():
            shutil.rmtree(value)
    typed = Path(command.source).read_text(encoding="utf-8") if command.source else command.typed or ""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed.encode()), encoding="utf-8"))
    with contextlib.nullcontext() if command.target else contextlib.redirect_stderr(sys.stdout):
        code = _exit_code(arguments)
    output, errors = capsys.readouterr()
    fails = any(line.startswith(ERROR) for line in command.shown.splitlines())
    assert bool(code) == fails, f"{command.line}\n{output}{errors}"
    if command.target:
        Path(command.target).write_text(output, encoding="utf-8")
        output = ""
    return output + errors


def _is_shown(command: Command, block: Block, output: str) -> bool:
    if not command.shown or block.rule.exception:
        return True
    return matches(command.shown, output, block.rule.tolerance)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_an_output_is_compared_or_the_page_says_why_not(page: Path) -> None:
    of_tiny_runs = {*TEXTS, *_files(""), "RUN", "DIR", "MODEL"}
    for block in blocks_of(page):
        if block.language != "console" or block.rule.exception:
            continue
        compared = {
            command.number
            for command in block.commands
            if command.arguments[0] not in PARSED_ONLY
            and not any(RUNS.match(argument) or argument in of_tiny_runs for argument in command.arguments)
        }
        for entry in entries_of(block.body):
            number = block.line + 1 + entry.line
            is_call = page.name == "serving.md" and entry.command.startswith("curl ")  # test_serving_documentation.py
            assert not entry.shown or number in compared or is_call, (
                f"{page}:{number}: say why: `<!-- not compared: REASON -->`"
            )


@pytest.mark.parametrize("page", rest_slow(PAGES), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_run(
    page: Path,
    tiny_run: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    _bring_runs(page.read_text(encoding="utf-8"), tiny_run, folder)
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    names: dict[str, Any] = {"__name__": "example"}
    problems: list[str] = []
    for block in blocks_of(page):
        body = block.body
        if SERVER in body:
            body = body.replace(SERVER, request.getfixturevalue("server"))
        code = compile("\n" * block.line + body, str(page), "exec") if block.is_python else ""
        if not block.not_run:
            exec(code, names)  # noqa: S102
            capsys.readouterr()  # what Python printed is no output of a command
            _write_files(block, folder)
            for command in block.commands:
                output = _run(command, monkeypatch, capsys)
                if not _is_shown(command, block, output):
                    problems.append(f"{page}:{command.number}: {command.line}\n{difference(command.shown, output)}")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("page", PARSED, ids=lambda page: page.stem)
def test_examples_whose_output_varies_are_parsed(page: Path) -> None:
    commands = [each for block in blocks_of(page) if block.language == "console" for each in block.commands]
    assert commands
    for command in commands:
        _parse(list(command.arguments))
