"""Mutated models run no code, reach nothing outside their folder and take bounded memory: 20,000 in `make trust`."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nextword.bundle.store import write_bundle
from support.tiny_bundle import tiny_bundle
from support.trust_cases import TrustCases, trust_amount

_PROCESSES = 4
COUNT = trust_amount(160, 20_000) // _PROCESSES


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sound models: whole, slim, with a mixture, of characters."""
    folder = tmp_path_factory.mktemp("models") / "sound"
    folder.mkdir()
    whole, mixed = tiny_bundle(), tiny_bundle(mixes=True)
    characters = tiny_bundle(kind="character", tokens=("<unk>", "<eos>", "a", "b", " "))
    for name, bundle in {"whole": whole, "slim": whole.to_slim(), "mixed": mixed, "characters": characters}.items():
        write_bundle(folder / name, replace(bundle, name=name))
    return folder


@pytest.mark.parametrize("seed", range(_PROCESSES))
def test_mutated_models_are_refused_or_read_and_nothing_else_happens(
    sound: Path, seed: int, trust_cases: TrustCases
) -> None:
    command = [sys.executable, "-m", "trust.fuzz_bundles", str(sound), str(COUNT), str(seed)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    happened = result["happened"]
    assert result["events"] == {}
    assert set(happened) <= {"refused", "read"}, happened
    assert happened["refused"] > COUNT / 4
    assert result["megabytes"] < 400
    trust_cases.add(COUNT, happened["refused"] + happened.get("read", 0), max_mb=result["megabytes"])
