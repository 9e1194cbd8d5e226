"""An exported model in an environment with the base of nextword and onnxruntime, without Keras and JAX."""

import json
import os
import subprocess
import tomllib
import venv
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nextword.bundle.bundle import Bundle
from nextword.bundle.store import write_bundle
from nextword.engine.opening import open_model
from nextword.export.export import NamedText, export_bundle
from nextword.export.options import ExportOptions
from nextword.inference.evaluation.perplexity import evaluate
from nextword.model.architecture import Architecture
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

ROOT = Path(__file__).parents[2]
TIMEOUT = 60
ABSENT = ("keras", "jax", "jaxlib", "onnx", "optuna", "scipy", "matplotlib", "pytest")
TEXT = "it is not so , and it was not .\n" * 30

SCORE = """
import json, sys
from pathlib import Path
import numpy as np
from nextword.engine.opening import open_model
from nextword.inference.evaluation.perplexity import evaluate

model = open_model(Path(sys.argv[1]))
ids = np.array(model.tokenizer.encode(sys.stdin.read()), np.int32)
result = evaluate(model.engine, ids)
print(json.dumps({"perplexity": result.perplexity, "num_tokens": result.num_tokens, "engine": str(type(model.engine))}))
"""

SUGGEST = """
import json, sys
from pathlib import Path
from nextword.cli.main import main

main(["suggest", sys.argv[1], "it is", "--json"])
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([sorted(sys.modules), int(status["VmHWM"].split()[0])]))
"""

HEAVY = (
    *("rich", "pooch", "requests", "filelock", "tomllib", "nextword.text.corpus"),
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


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    words = ("<unk>", "<eos>", "it", "is", "so", "and", "was", "not", ",", ".")
    sizes: dict[str, Any] = {"vocabulary_size": len(words), "embedding_size": 8, "hidden_sizes": (12, 8)}
    architecture, random = Architecture(**sizes, tied=True), np.random.default_rng(1)
    shapes = architecture.weight_shapes()
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return Bundle("tiny", architecture, Tokenizer("pretokenized", "line", Vocabulary(words)), weights, "# tiny\n")


def exported(bundle: Bundle, path: Path, options: ExportOptions) -> Path:
    """Write the model to `path`, export it there, and make the folder read-only."""
    write_bundle(path, bundle)
    ids = np.array(bundle.tokenizer.encode(TEXT), np.int32)
    export_bundle(path, options, text=lambda _bundle: NamedText("text", ids))
    for file in path.iterdir():
        file.chmod(0o444)
    path.chmod(0o555)
    return path


@pytest.fixture(scope="module")
def model(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(bundle, tmp_path_factory.mktemp("models") / "float32", ExportOptions())


@pytest.fixture(scope="module")
def int8_model(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = ExportOptions(int8=True, max_loss_percent=100)
    return exported(bundle, tmp_path_factory.mktemp("models") / "int8", options)


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


@pytest.mark.parametrize("precision", ["model", "int8_model"])
def test_it_suggests_and_generates(python: Path, precision: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(precision)
    command = ("-m", "nextword")
    suggestions = json.loads(run(python, *command, "suggest", path, "it is", "-k", "3", "--json"))["suggestions"]
    assert len(suggestions) == 3
    assert 0 < suggestions[2]["probability"] <= suggestions[0]["probability"] < 1
    texts = [
        run(python, *command, "generate", path, "--prompt", "it", "--max-tokens", "20", "--seed", "1") for _ in "ab"
    ]
    assert texts[0] == texts[1]
    assert len(texts[0].split()) > 10


def test_it_imports_little_and_uses_little_memory(python: Path, int8_model: Path) -> None:
    modules, kilobytes = json.loads(run(python, "-c", SUGGEST, int8_model).splitlines()[-1])
    assert "onnxruntime" in modules
    assert not set(HEAVY) & set(modules)
    assert kilobytes < 200 * 1024


def test_its_scores_match_the_keras_engine(python: Path, model: Path) -> None:
    scored = json.loads(run(python, "-c", SCORE, model, text=TEXT))
    here = open_model(model, "keras")
    expected = evaluate(here.engine, np.array(here.tokenizer.encode(TEXT), np.int32))
    assert "OnnxEngine" in scored["engine"]
    assert scored["num_tokens"] == expected.num_tokens
    assert scored["perplexity"] == pytest.approx(expected.perplexity, rel=1e-4)


def test_without_onnxruntime_the_error_says_what_to_install(python: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError(name='onnxruntime')", encoding="utf-8")
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.modules['onnxruntime'] = None\n"
        "from nextword.engine import opening\n"
        "opening._is_installed = lambda package: False\n"
        "from nextword.cli.main import main\nmain(sys.argv[1:])"
    )
    done = subprocess.run(
        [python, "-c", program, str(tmp_path), "suggest", str(model), "it"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: running `tiny` needs onnxruntime, which is missing")
    assert "pip install 'nextword[run]'" in done.stderr
