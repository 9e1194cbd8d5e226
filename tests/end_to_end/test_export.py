"""The sample model in an environment with the base of nextword and onnxruntime, without Keras and JAX."""

import json
import os
import subprocess
import tomllib
import venv
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nextword.bundle.origin import sample_model_path

ROOT = Path(__file__).parents[2]
TIMEOUT = 60
ABSENT = ("keras", "jax", "jaxlib", "onnx", "optuna", "scipy", "matplotlib", "pytest")

SUGGEST = """
import json, sys
from pathlib import Path
from nextword.cli.main import main

main(["suggest", sys.argv[1], "it is", "--json"])
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([sorted(sys.modules), int(status["VmHWM"].split()[0])]))
"""

HEAVY = (
    *("rich", "requests", "filelock", "tomllib", "nextword.text.corpus"),
    *("nextword.training.config", "nextword.training.run", "nextword.training.start"),  # its run_directory is light
)

IMPORT = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name) is not None]))
"""


def closure(requirements: Iterable[str]) -> set[str]:
    """Return these distributions and all their installed dependencies."""
    found: set[str] = set()
    waiting = [(text, frozenset[str]()) for text in requirements]
    while waiting:
        text, extras = waiting.pop()
        requirement = Requirement(text)
        environments = [{"extra": extra} for extra in ("", *extras)]
        if requirement.marker is not None and not any(map(requirement.marker.evaluate, environments)):
            continue
        name = canonicalize_name(requirement.name)
        if name not in found:
            found.add(name)
            waiting += [(further, frozenset(requirement.extras)) for further in metadata.requires(name) or []]
    return found


def link_distribution(name: str, site_packages: Path) -> None:
    """Link the top-level entries of an installed distribution into another environment."""
    distribution = metadata.distribution(name)
    for part in {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}:
        place = site_packages / part
        if part != "__pycache__" and not place.exists():
            place.symlink_to(Path(str(distribution.locate_file(part))))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with nextword, its base and the extra `run`."""
    root = tmp_path_factory.mktemp("clean") / "environment"
    venv.EnvBuilder(with_pip=False, symlinks=True).create(root)
    (site_packages,) = root.glob("lib/python*/site-packages")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name in closure([*project["dependencies"], *project["optional-dependencies"]["run"]]):
        link_distribution(name, site_packages)
    (site_packages / "nextword.pth").write_text(f"{ROOT / 'src'}\n", encoding="utf-8")
    return root / "bin" / "python"


def run(python: Path, *arguments: str | Path, text: str = "") -> str:
    """Run Python in its own folder without a home directory, and return its output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [python, *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        cwd=python.parent,
        env={**environment, "HOME": "/nonexistent"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_environment_has_no_training_framework(python: Path) -> None:
    assert json.loads(run(python, "-c", IMPORT, *ABSENT)) == []
    assert json.loads(run(python, "-c", IMPORT, "onnxruntime", "numpy", "nextword")) == [
        "onnxruntime",
        "numpy",
        "nextword",
    ]
    assert all(find_spec(name) for name in ("keras", "jax"))  # they are installed here


def test_it_suggests_and_generates(python: Path) -> None:
    command = ("-m", "nextword")
    suggestions = json.loads(run(python, *command, "suggest", "austen", "it is", "-k", "3", "--json"))["suggestions"]
    assert len(suggestions) == 3
    generate = ("generate", "austen", "--prompt", "it", "--max-tokens", "20", "--seed", "1")
    texts = [run(python, *command, *generate) for _ in range(2)]
    assert texts[0] == texts[1]
    assert len(texts[0].split()) > 10


def test_it_imports_little_and_uses_little_memory(python: Path) -> None:
    modules, kilobytes = json.loads(run(python, "-c", SUGGEST, sample_model_path("austen")).splitlines()[-1])
    assert "onnxruntime" in modules
    assert not set(HEAVY) & set(modules)
    assert kilobytes < 200 * 1024
