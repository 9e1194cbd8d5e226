"""The workflows of GitHub Actions: pinned actions, few rights, the Pythons of pyproject.toml, targets that exist."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github" / "workflows" / "ci.yml"
WORKFLOW: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
PAGES_FILE = FILE.with_name("pages.yml")
PAGES: dict[str, Any] = yaml.safe_load(PAGES_FILE.read_text(encoding="utf-8"))


def steps() -> Iterator[dict[str, Any]]:
    for job in [*WORKFLOW["jobs"].values(), *PAGES["jobs"].values()]:
        yield from job["steps"]


def test_actions_are_pinned_to_commits() -> None:
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]) for step in steps() if "uses" in step)
    uses = [use for file in (FILE, PAGES_FILE) for use in re.findall(r"uses: (.*)", file.read_text(encoding="utf-8"))]
    assert all(re.search(r" # v\d+\.\d+\.\d+$", use) for use in uses)  # for people, and for what updates pins


def test_it_may_only_read() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in WORKFLOW["jobs"].values())
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(WORKFLOW["jobs"]) + 1
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_it_runs_on_the_systems_and_pythons_that_the_package_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {text.rpartition(" ")[2] for text in project["classifiers"] if re.search(r"Python :: 3\.\d+$", text)}
    matrix = WORKFLOW["jobs"]["test"]["strategy"]["matrix"]
    assert set(matrix["python"]) == named
    assert matrix["os"] == ["ubuntu-latest", "macos-latest"]


def test_its_targets_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    called = [match for step in steps() for match in re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))]
    assert {"test", "dist"} <= set(called) <= set(targets)


def test_the_site_is_deployed_only_from_a_repository_that_names_its_address() -> None:
    assert PAGES["permissions"] == {"contents": "read"}
    assert PAGES["jobs"]["build"]["if"] == "vars.NEXTWORD_SITE_URL != ''"
    assert PAGES["jobs"]["deploy"]["needs"] == "build"
    assert PAGES["jobs"]["deploy"]["permissions"] == {"id-token": "write", "pages": "write"}
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    given = next(step["env"] for step in steps() if "env" in step)
    assert set(re.findall(r"!ENV (NEXTWORD_\w+)", site)) == set(given)


def test_its_main_job_is_what_the_repository_calls_ci() -> None:
    assert ".ci/run" in [step.get("run") for step in WORKFLOW["jobs"]["check"]["steps"]]
