"""The wheel, built and installed into a clean environment: alone, then with each extra that an error advises."""

import email
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import nextword
from nextword.bundle.bundle import Bundle
from nextword.bundle.store import write_bundle
from nextword.export.export import export_bundle
from nextword.export.options import ExportOptions
from nextword.model.architecture import Architecture
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.clean_environment import CleanEnvironment
from support.random_weights import random_weights

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "nextword"
CONSTRAINTS = ROOT / "constraints.txt"
SENTENCES = ("it was so .", "it is not so .", "so it was , and it is .", "it was not , and so it is not .")
SIZES = ("--embedding-size", "8", "--hidden-sizes", "8", "--batch-size", "4", "--num-steps", "8")

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]


def build(folder: Path) -> tuple[Path, Path]:
    """Build sdist and wheel as `make dist` does."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT],
        capture_output=True,
        check=True,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1600000000"},
    )
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(tmp_path_factory.mktemp("dist"))


def test_the_wheel_holds_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    _, wheel = built
    information = f"nextword-{nextword.__version__}.dist-info"
    ours = {f"nextword/{file.relative_to(SOURCE).as_posix()}" for file in SOURCE.rglob("*") if file.is_file()}
    ours = {name for name in ours if "__pycache__" not in name}
    names = ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    with zipfile.ZipFile(wheel) as archive:
        assert set(archive.namelist()) == ours | {f"{information}/{name}" for name in names}
        metadata = email.message_from_bytes(archive.read(f"{information}/METADATA"))
    assert {"nextword/py.typed", "nextword/text/samples/austen.txt", "nextword/model/presets/quick.toml"} <= ours
    assert metadata["Version"] == nextword.__version__
    extras = {"run", "serve", "data", "train", "all", "gpu", "dev"}
    assert set(metadata.get_all("Provides-Extra", [])) == extras
    assert wheel.stat().st_size < 10e6


def test_the_sdist_holds_what_building_and_testing_need(built: tuple[Path, Path]) -> None:
    sdist, _ = built
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = "src tests docs examples benchmarks scripts .github .gitignore Makefile constraints.txt mkdocs.yml "
    expected += "pyproject.toml README.md LICENSE CHANGELOG.md CITATION.cff CONTRIBUTING.md SECURITY.md PKG-INFO"
    assert {name.partition("/")[0] for name in names} == set(expected.split())
    assert not [name for name in names if re.search(r"__pycache__|\.pyc$|\.venv|\.egg-info", name)]
    assert sdist.stat().st_size < 20e6


def test_the_same_source_gives_the_same_bytes(built: tuple[Path, Path], tmp_path: Path) -> None:
    assert [path.read_bytes() for path in build(tmp_path)] == [path.read_bytes() for path in built]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that was exported, with weights drawn at random."""
    words = ("<unk>", "<eos>", "it", "was", "is", "so", "not", "and", ",", ".")
    architecture = Architecture(vocabulary_size=len(words), embedding_size=8, hidden_sizes=(8,), tied=True)
    weights = random_weights(architecture)
    bundle = Bundle("tiny", architecture, Tokenizer("pretokenized", "line", Vocabulary(words)), weights, "# tiny\n")
    path = tmp_path_factory.mktemp("models") / "tiny"
    write_bundle(path, bundle)
    export_bundle(path, ExportOptions())
    return path


@pytest.fixture
def environment(tmp_path: Path) -> CleanEnvironment:
    """An empty environment; the test is skipped and says why if nothing can be installed."""
    environment = CleanEnvironment.create(tmp_path / "environment", CONSTRAINTS)
    try:
        environment.install("tomli-w")
    except RuntimeError as error:
        pytest.skip(f"needs a package index to install from; installing tomli-w failed: {str(error)[-300:]}")
    return environment


def works(environment: CleanEnvironment, *arguments: str | Path, stdin: str = "", folder: Path | None = None) -> str:
    """Return what `nextword` prints, if it succeeds."""
    done = environment.run("nextword", *arguments, stdin=stdin, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def advised(environment: CleanEnvironment, extra: str, *arguments: str | Path) -> list[str]:
    """Return what to install by the error of a command that needs an extra, such as `["nextword[run]"]`."""
    done = environment.run("nextword", *arguments)
    assert done.returncode == 2, done.stderr
    advice = re.search(r"install the extra `(\w+)`: pip install (.+)$", done.stderr.strip())
    assert advice is not None, done.stderr
    assert advice[1] == extra
    return shlex.split(advice[2])


def missing(environment: CleanEnvironment, *modules: str) -> list[str]:
    """Return those of the modules that the environment lacks."""
    program = "import importlib.util, sys\nprint(*[m for m in sys.argv[1:] if not importlib.util.find_spec(m)])"
    return environment.run("python", "-c", program, *modules).stdout.split()


def test_a_clean_environment_runs_it_alone_and_with_each_extra(
    built: tuple[Path, Path], model: Path, environment: CleanEnvironment, tmp_path: Path
) -> None:
    """One environment that grows, so that each package is installed once; each extra by the advice of an error."""
    _, wheel = built
    environment.install(wheel)
    check_base(environment, model)
    environment.install(*advised(environment, "run", "score", model))
    check_run(environment, model)
    environment.install(*advised(environment, "serve", "serve", model))
    check_serve(environment, model)
    text = tmp_path / "elsewhere" / "text.txt"
    text.parent.mkdir()
    text.write_text("\n".join(SENTENCES * 100), encoding="utf-8")
    environment.install(*advised(environment, "train", "train", text))
    check_train(environment, text)


def check_base(environment: CleanEnvironment, model: Path) -> None:
    assert "Usage: nextword" in works(environment, "--help")
    assert environment.run("python", "-m", "nextword", "--version").stdout.strip().endswith(nextword.__version__)
    assert "tiny" in works(environment, "info", model)
    assert "quick" in works(environment, "presets")
    assert "embedding_size" in works(environment, "presets", "quick")
    absent = ["onnxruntime", "onnx", "keras", "jax", "scipy", "matplotlib", "platformdirs", "optuna"]
    assert missing(environment, *absent) == absent


def check_run(environment: CleanEnvironment, model: Path) -> None:
    assert len(json.loads(works(environment, "suggest", model, "it was", "-k", "3", "--json"))) > 0
    assert works(environment, "score", model, stdin="it was so .\n")
    assert works(environment, "generate", model, "--prompt", "it", "--seed", "1")
    absent = ["onnx", "keras", "jax", "scipy", "matplotlib", "platformdirs", "optuna"]
    assert missing(environment, *absent) == absent
    program = (
        "import sys, nextword\n"
        "model = nextword.load(sys.argv[1])\n"
        "model.suggest('it was')\n"
        "print([name for name in ('filelock', 'huggingface_hub', 'requests', 'urllib3') if name in sys.modules])"
    )
    done = environment.run("python", "-c", program, model)
    assert done.stdout == "[]\n", done.stderr


SERVED = """
import json, re, subprocess, sys, urllib.request
with subprocess.Popen(["nextword", "serve", sys.argv[1], "--port", "0"], stderr=subprocess.PIPE, text=True) as service:
    address = re.search(r"http://\\S+/", service.stderr.readline())[0]
    asked = json.dumps({"model": "tiny", "prompt": "it was", "seed": 1}).encode()
    request = urllib.request.Request(f"{address}v1/completions", asked, {"Content-Type": "application/json"})
    text = json.load(urllib.request.urlopen(request))["choices"][0]["text"]
    page = urllib.request.urlopen(address).read()
    service.terminate()
print(json.dumps([text, b"packed-model" in page, service.returncode]))
"""


def check_serve(environment: CleanEnvironment, model: Path) -> None:
    done = environment.run("python", "-c", SERVED, model)
    assert done.returncode == 0, done.stderr
    text, *others = json.loads(done.stdout)
    assert text
    assert others == [True, 128 + signal.SIGTERM]
    absent = ["onnx", "keras", "jax", "scipy", "matplotlib", "platformdirs", "optuna", "openai"]
    assert missing(environment, *absent) == absent
    page = environment.root / "tiny.html"
    works(environment, "export", model, "--html", page)
    assert page.read_bytes().startswith(b"<!DOCTYPE html>")


def check_train(environment: CleanEnvironment, text: Path) -> None:
    folder = text.parent
    works(environment, "train", text.name, "--run", "run", "--preset", "quick", "--epochs", "1", *SIZES, folder=folder)
    assert (folder / "run" / "curves.svg").is_file()
    assert missing(environment, "matplotlib", "optuna") == ["matplotlib", "optuna"]
    assert "perplexity" in works(environment, "evaluate", "run", "--split", "test", folder=folder)
    assert works(environment, "suggest", "run", "it was", folder=folder)
    works(environment, "export", "run", folder=folder)
    assert (folder / "run" / "model" / "model.onnx").is_file()
