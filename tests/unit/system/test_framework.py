import builtins
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword import __version__
from nextword.errors import SettingError
from nextword.system import framework
from nextword.system.framework import (
    Framework,
    is_older,
    read_framework,
    read_nvidia_gpus,
    read_versions,
    require_jax,
    speed_environment,
)


def test_the_framework_that_the_tests_run_on_is_found() -> None:
    found = read_framework()
    assert found.backend == "jax"
    assert len(found.devices) == len(jax.devices())
    assert found.usable


@pytest.mark.parametrize("package", ["keras", "jax", "jaxlib"])
def test_what_is_not_installed_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "keras":  # where the import of its backend fails, too
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return original(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    assert read_framework() == Framework(backend="jax", missing=package)
    assert not read_framework().usable


def test_a_backend_that_is_not_known_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def backend() -> str:
        raise ValueError("Unable to import backend : bogus\nand more")

    monkeypatch.setenv("KERAS_BACKEND", "bogus")
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(backend=SimpleNamespace(backend=backend)))
    assert read_framework() == Framework(backend="bogus", failure="ValueError: Unable to import backend : bogus")


def test_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    require_jax()
    monkeypatch.setattr("keras.backend.backend", lambda: "torch")
    with pytest.raises(SettingError, match="needs Keras on the backend jax, but it runs on torch; set `KERAS_BACKEND"):
        require_jax()


def test_devices_that_cannot_be_reached_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def devices() -> list[Any]:
        raise AssertionError

    monkeypatch.setattr(jax, "devices", devices)
    assert read_framework() == Framework(backend="jax", failure="AssertionError")


def test_devices_are_told_with_their_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = SimpleNamespace(platform="gpu", device_kind="NVIDIA L4")
    monkeypatch.setattr(jax, "devices", lambda: [gpu, SimpleNamespace(platform="cpu", device_kind="cpu")])
    assert read_framework().devices == ("gpu: NVIDIA L4", "cpu")


def test_versions_are_told_and_so_is_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framework, "_PACKAGES", ("numpy", "no-such-package"))
    versions = read_versions()
    assert versions.keys() == {"nextword", "numpy", "no-such-package"}
    assert versions["nextword"] == __version__
    assert versions["numpy"] is not None
    assert versions["no-such-package"] is None


@given(st.tuples(st.integers(0, 40), st.integers(0, 40)), st.integers(0, 9))
def test_versions_are_compared_as_numbers(numbers: tuple[int, int], patch: int) -> None:
    version = f"{numbers[0]}.{numbers[1]}.{patch}.dev1"
    assert is_older(version, than=(0, 12)) == (numbers < (0, 12))


def test_only_variables_that_change_speed_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"XLA_FLAGS": "x", "NPROC": "2", "HOME": "/home/me", "JAX_PLATFORMS": "", "SECRET_JAX_": "no"}
    monkeypatch.setattr("os.environ", environment)
    assert speed_environment() == {"JAX_PLATFORMS": "", "NPROC": "2", "XLA_FLAGS": "x"}


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
