"""What pyproject.toml, CITATION.cff, the errors and the documentation say about the package agrees."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import nextword

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]

# An extra as it is named: 'nextword[train]', '.[train,run]', the extra `train`.
NAMED = re.compile(r"(?:nextword|\.)\[([a-z]+(?:,[a-z]+)*)\]|\bextras? `([a-z]+)`")


def named_in_texts() -> Iterator[tuple[Path, str]]:
    folders = (ROOT / folder for folder in ("src", "docs", "benchmarks", "examples", "scripts", ".github"))
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".md", ".sh", ".yml")]
    files = [path for path in files if "site-packages" not in path.parts]  # of the environment that `make peers` makes
    for path in [*files, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "Makefile"]:
        for match in NAMED.finditer(path.read_text(encoding="utf-8")):
            yield from ((path, extra) for extra in (match[1] or match[2]).split(","))


def named_in_errors() -> Iterator[tuple[Path, str]]:
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="MissingExtraError"), attr="of" | "advice"),
                    args=[*_, ast.Constant(value=str(extra))],
                ):
                    yield path, extra


def test_extras_that_are_named_exist() -> None:
    named = [*named_in_texts(), *named_in_errors()]
    assert {extra for _, extra in named_in_errors()} == {*("run", "data", "serve", "train", "all", "gpu")}
    assert [(str(path.relative_to(ROOT)), extra) for path, extra in named if extra not in EXTRAS] == []


def test_people_choose_among_few_extras() -> None:
    assert list(EXTRAS) == ["run", "train", "serve", "data", "all", "gpu", "dev"]
    assert "nextword[run]" in EXTRAS["train"]
    assert "nextword[run]" in EXTRAS["serve"]
    assert "nextword[data,serve,train]" in EXTRAS["all"]
    assert "nextword[all]" in EXTRAS["dev"]


def test_what_pip_installs_is_pinned_and_the_pins_fit() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {requirement.name.lower().replace("_", "-"): requirement for requirement in map(Requirement, lines[1:])}
    for requirement in map(
        Requirement, [*PROJECT["dependencies"], *(text for each in EXTRAS.values() for text in each)]
    ):
        if requirement.name != "nextword" and "cuda" not in str(requirement):
            (pin,) = pins[requirement.name.lower()].specifier
            assert requirement.specifier.contains(pin.version), requirement


def test_the_version_is_that_of_the_source_everywhere() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert str(Version(nextword.__version__)) == nextword.__version__
    assert citation()["version"] == nextword.__version__
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == nextword.__version__


def test_the_installed_package_is_typed() -> None:
    assert (Path(nextword.__file__).parent / "py.typed").is_file()
    assert "Typing :: Typed" in PROJECT["classifiers"]


def citation() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    return table


def test_the_citation_says_what_the_package_says() -> None:
    table = citation()
    assert table["cff-version"] == "1.2.0"
    assert table["title"] == PROJECT["name"]
    assert table["license"] == PROJECT["license"]
    assert [author["name"] for author in table["authors"]] == [author["name"] for author in PROJECT["authors"]]
    assert set(table["keywords"]) <= set(PROJECT["keywords"])


def modules_that(predicate: Callable[[str], bool]) -> set[str]:
    """Return the modules of the package with such a text."""
    package = ROOT / "src" / "nextword"
    found = {path for path in package.rglob("*.py") if predicate(path.read_text(encoding="utf-8"))}
    return {path.relative_to(package).as_posix() for path in found}


@pytest.mark.parametrize(
    ("what", "text", "places"),
    [
        ("a cell", '"gru"', {"model/cells.py", "model/layers/recurrence.py", "export/language_model_graph.py"}),
        ("a cell", '"rnn"', {"model/cells.py", "model/layers/recurrence.py", "export/language_model_graph.py"}),
        ("a route", "from nextword.serving.routes import", {"serving/application.py"}),
        ("a flag of a command", "copied: bool", {"cli/evaluate.py"}),
    ],
)
def test_a_thing_to_add_touches_the_places_that_contributing_names(what: str, text: str, places: set[str]) -> None:
    assert modules_that(lambda module: text in module) == places
    (row,) = [
        line for line in (ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines() if line.startswith(f"| {what} |")
    ]
    folders = [place.replace("gru", "NAME").replace("rnn", "NAME") for place in places if not place.startswith("cli")]
    assert all(f"`{place}`" in row for place in folders)
