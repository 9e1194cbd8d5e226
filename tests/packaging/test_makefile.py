"""`make demo` installs what the demo needs, `make setup` the rest, each into the environment that is there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from nextword.cli.main import nextword

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "scripts" / "demo.sh"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment as `make` sees it: the Python in it, and a file for each extra that was installed."""
    program = tmp_path / "environment" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)
    return tmp_path / "environment"


def planned(target: str, environment: Path) -> str:
    """Return the commands that a target would run."""
    command = ["make", "--dry-run", target, f"VENV={environment}", f"PYTHON={sys.executable}"]
    settings = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=True).stdout


def test_the_demo_installs_no_more_than_training_needs(tmp_path: Path) -> None:
    commands = planned("demo", tmp_path / "none")
    assert f"-m venv {tmp_path / 'none'}" in commands
    assert "--editable '.[train]'" in commands
    assert "dev" not in commands.replace("/dev/null", "")


@pytest.mark.parametrize(
    "line", re.findall(r"^ *step (.+?)(?: \|\| \{)?$", DEMO.read_text(encoding="utf-8"), re.MULTILINE)
)
def test_the_demo_uses_commands_and_options_that_exist(line: str) -> None:
    name, *arguments = shlex.split(line)
    command = nextword.get_command(click.Context(nextword), name)
    assert command is not None
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {argument for argument in arguments if argument.startswith("-")} <= options


def test_an_environment_of_the_demo_is_topped_up(environment: Path) -> None:
    (environment / "with-train").touch()
    assert "pip install" not in planned("demo", environment)
    commands = planned("setup", environment)
    assert "-m venv" not in commands
    assert "--editable '.[dev]'" in commands


def test_an_environment_for_development_serves_the_demo(environment: Path) -> None:
    (environment / "with-dev").touch()
    assert "pip install" not in planned("setup", environment)
    assert "pip install" not in planned("demo", environment)


def test_the_documentation_fails_on_a_dead_anchor(tmp_path: Path, environment: Path) -> None:
    (environment / "with-dev").touch()
    arguments = planned("docs", environment).partition("mkdocs build")[2].split()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# One\n[two](index.md#two)\n", encoding="utf-8")
    validation = re.search(r"^validation:\n(?: .*\n)+", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert validation is not None
    (tmp_path / "mkdocs.yml").write_text(f"site_name: x\n{validation[0]}", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", *arguments], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"#two" in done.stderr


def test_a_changed_pin_is_installed(environment: Path) -> None:
    (environment / "with-train").touch()
    os.utime(environment / "with-train", (1, 1))
    assert "--editable '.[train]'" in planned("demo", environment)
