"""What nextword is made of, and that it keeps to itself: pinned versions, shipped files, no network at run time."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nextword.bundle.samples import SAMPLE_MODELS, sample_model_path
from nextword.disk.sealed_directory import verify
from support.trust_cases import TrustCases, trust_amount

ROOT = Path(__file__).parents[2]

UNSHARE = shutil.which("unshare") or ""

COMMANDS = """
set -e
ip link set lo up
"$1" -m nextword train story.txt --preset quick --epochs 0.5 --run run -q
"$1" -m nextword evaluate run
"$1" -m nextword export run --int8
"$1" -m nextword export run --html page.html
"$1" -m nextword serve run --port 8000 &
"$1" -c '
import time, urllib.request
for _ in range(600):
    try:
        print(urllib.request.urlopen("http://127.0.0.1:8000/readyz").status)
        break
    except OSError:
        time.sleep(0.1)
headers = {"Content-Type": "application/json"}
body = urllib.request.Request("http://127.0.0.1:8000/v1/completions", b"{}", headers)
print(urllib.request.urlopen(body).status)
'
kill $!
wait $! || test $? = 143
"""


@pytest.mark.slow
@pytest.mark.skipif(not (UNSHARE and shutil.which("ip")), reason="needs namespaces of Linux")
def test_nothing_needs_a_network(tmp_path: Path) -> None:
    """Train, evaluate, export and serve where no address but the machine's own can be reached."""
    (tmp_path / "story.txt").write_text("a cat saw the dog\nthe dog saw a cat\n" * 200, encoding="utf-8")
    (tmp_path / "commands.sh").write_text(COMMANDS, encoding="utf-8")
    done = subprocess.run(
        [UNSHARE, "--map-root-user", "--net", "sh", "commands.sh", sys.executable],
        cwd=tmp_path,
        env={**os.environ, "NEXTWORD_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("200\n200\n")
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize("name", SAMPLE_MODELS)
def test_what_is_shipped_has_the_digests_of_its_manifest(name: str) -> None:
    assert verify(sample_model_path(name))


@pytest.mark.slow
def test_no_pinned_version_has_a_known_vulnerability(trust_cases: TrustCases) -> None:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    found = shutil.which("pip-audit", path=path)
    if found is None:
        pytest.skip("needs pip-audit: python -m pip install pip-audit")
    command = [found, "--requirement", ROOT / "constraints.txt", "--no-deps", "--disable-pip", "--format=json"]
    done = subprocess.run([*command, "--progress-spinner=off"], capture_output=True, text=True, check=False)
    packages = json.loads(done.stdout)["dependencies"] if done.stdout else []
    audited = [package for package in packages if "skip_reason" not in package]
    flawed = [f"{package['name']} {package['version']}" for package in audited if package["vulns"]]
    trust_cases.add(max(len(audited), 1), max(len(audited), 1) - len(flawed), offline=int(not audited))
    if not audited:  # said in the scorecard
        trust_amount(pytest.skip, print)("the list of vulnerabilities could not be reached")
    assert not flawed, f"{done.stdout}: raise these in constraints.txt"
