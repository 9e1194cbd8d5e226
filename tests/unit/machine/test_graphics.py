from pathlib import Path

import pytest

from nextword.machine.graphics import read_nvidia_gpus


def test_the_driver_names_its_gpus(tmp_path: Path) -> None:
    for place, model in (("0000:01:00.0", "NVIDIA H100 80GB HBM3"), ("0000:02:00.0", "NVIDIA L4")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 1\n", encoding="utf-8")
    assert read_nvidia_gpus(tmp_path) == ("NVIDIA H100 80GB HBM3", "NVIDIA L4")


@pytest.mark.parametrize(
    ("script", "found"),
    [("echo 'NVIDIA L4'", ("NVIDIA L4",)), ("echo 'no devices were found'; exit 6", ()), (None, ())],
    ids=["a gpu", "no gpu", "no program"],
)
def test_without_the_folder_of_the_driver_its_program_is_asked(
    script: str | None, found: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script is not None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_nvidia_gpus(tmp_path / "none") == found
