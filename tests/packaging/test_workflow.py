"""The workflow of GitHub Actions: pinned actions, no rights, the Pythons of pyproject.toml, targets that exist."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github" / "workflows" / "ci.yml"
WORKFLOW: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def steps() -> Iterator[dict[str, Any]]:
    for job in WORKFLOW["jobs"].values():
        yield from job["steps"]


def test_actions_are_pinned_to_commits() -> None:
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]) for step in steps() if "uses" in step)
    uses = re.findall(r"uses: (.*)", FILE.read_text(encoding="utf-8"))
    assert all(re.search(r" # v\d+\.\d+\.\d+$", use) for use in uses)  # for people, and for what updates pins


def test_it_may_only_read() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in WORKFLOW["jobs"].values())
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(WORKFLOW["jobs"])
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


def test_its_main_job_is_what_the_repository_calls_ci() -> None:
    assert ".ci/run" in [step.get("run") for step in WORKFLOW["jobs"]["check"]["steps"]]
