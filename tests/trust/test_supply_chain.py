"""What nextword is made of, and that it keeps to itself: pinned versions, shipped files, no network at run time."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from nextword.bundle.origin import SAMPLE_MODELS, sample_model_path
from nextword.system.sealed_directory import verify
from support.trust_cases import TrustCases

ROOT = Path(__file__).parents[2]

UNSHARE = shutil.which("unshare") or ""

PROGRAM = """
from pathlib import Path
from urllib.request import urlopen
import nextword
from support.started_service import started_service

settings = {"embedding_size": 8, "hidden_sizes": (8,), "batch_size": 4, "num_steps": 8}
model = nextword.train("story.txt", preset="quick", epochs=1.0, settings=settings, run="run", verbose=0)
model.evaluate("a cat saw the dog")
model.export_html("page.html")
with started_service(Path("run", "model")) as address, urlopen(address + "readyz") as answer:
    print(answer.status)
"""


@pytest.mark.slow
@pytest.mark.skipif(not (UNSHARE and shutil.which("ip")), reason="needs namespaces of Linux")
def test_nothing_needs_a_network(tmp_path: Path) -> None:
    """Train, evaluate, export and serve where no address but the machine's own can be reached."""
    (tmp_path / "story.txt").write_text("a cat saw the dog\nthe dog saw a cat\n" * 200, encoding="utf-8")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    paths = os.pathsep.join((str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(
        [UNSHARE, "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$0" program.py', sys.executable],
        cwd=tmp_path,
        env={**os.environ, "NEXTWORD_CACHE": str(tmp_path / "cache"), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "200\n", done.stderr


@pytest.mark.parametrize("name", SAMPLE_MODELS)
def test_what_is_shipped_has_the_digests_of_its_manifest(name: str) -> None:
    assert verify(sample_model_path(name))


@pytest.mark.slow
def test_no_pinned_version_has_a_known_vulnerability(trust_cases: TrustCases) -> None:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    found = shutil.which("pip-audit", path=path) or "pip-audit"
    audited: list[dict[str, Any]] = []
    command = [found, "--requirement", str(ROOT / "constraints.txt"), "--no-deps", "--disable-pip", "--format=json"]
    with suppress(FileNotFoundError):  # `python -m pip install pip-audit`
        done = subprocess.run([*command, "--progress-spinner=off"], capture_output=True, text=True, check=False)
        packages = json.loads(done.stdout)["dependencies"] if done.stdout else []
        audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        pytest.skip("needs pip-audit, and its list of vulnerabilities from the network")
    flawed = [f"{package['name']} {package['version']}" for package in audited if package["vulns"]]
    trust_cases.add(len(audited), len(audited) - len(flawed))
    assert not flawed, "raise these in constraints.txt"
