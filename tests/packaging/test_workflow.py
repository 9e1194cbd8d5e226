"""The workflows of GitHub Actions: pinned actions, few rights, the Pythons of pyproject.toml, targets that exist."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOWS: dict[str, dict[str, Any]] = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
WORKFLOW, PAGES = WORKFLOWS["ci"], WORKFLOWS["pages"]


def steps() -> Iterator[dict[str, Any]]:
    for workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            yield from job["steps"]


def test_actions_are_pinned_to_commits() -> None:
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]) for step in steps() if "uses" in step)
    uses = [use for file in FILES for use in re.findall(r"uses: (.*)", file.read_text(encoding="utf-8"))]
    assert all(re.search(r" # v\d+\.\d+\.\d+$", use) for use in uses)  # for people, and for what updates pins


def test_it_may_only_read() -> None:
    assert all(workflow["permissions"] == {"contents": "read"} for workflow in WORKFLOWS.values())
    jobs = {name: job for workflow in WORKFLOWS.values() for name, job in workflow["jobs"].items()}
    assert [name for name, job in jobs.items() if "permissions" in job] == ["deploy"]
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == sum(len(workflow["jobs"]) for workflow in WORKFLOWS.values()) - 1  # all but `deploy`
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
    assert PAGES["jobs"]["build"]["if"] == "vars.NEXTWORD_SITE_URL != ''"
    assert PAGES["jobs"]["deploy"]["needs"] == "build"
    assert PAGES["jobs"]["deploy"]["permissions"] == {"id-token": "write", "pages": "write"}
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    given = next(step["env"] for step in steps() if "env" in step)
    assert set(re.findall(r"!ENV (NEXTWORD_\w+)", site)) == set(given)


def test_its_main_job_is_what_the_repository_calls_ci() -> None:
    assert ".ci/run" in [step.get("run") for step in WORKFLOW["jobs"]["check"]["steps"]]
