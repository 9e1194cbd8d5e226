"""Without what only POSIX has, every module is imported, and files are written and read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import like_windows

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import nextword
for found in pkgutil.walk_packages(nextword.__path__, "nextword."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
        print(found.name)
"""

SAVE_AND_LOAD = """
import sys
from pathlib import Path
import numpy as np
from nextword.model.architecture import Architecture
from nextword.bundle.bundle import Bundle
from nextword.bundle.store import read_bundle, write_bundle
from nextword.cli.main import main
from nextword.system import files
from nextword.system.cache import cache_root, cached_folder
from nextword.system.files import write_file
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from nextword.bundle.run_directory import run_lock

root = Path(sys.argv[1])
assert not files._BY_DESCRIPTOR and not files._CAN_SYNC_DIRECTORIES
words = ("<unk>", "<eos>", "it", "is", "so")
architecture = Architecture(vocabulary_size=len(words), embedding_size=4, hidden_sizes=(4,), tied=True)
weights = {name: np.ones(shape, np.float32) for name, shape in architecture.weight_shapes().items()}
bundle = Bundle("tiny", architecture, Tokenizer("pretokenized", "line", Vocabulary(words)), weights, "# tiny")
for _ in range(2):
    write_bundle(root / "model", bundle, replace=True)
    assert read_bundle(root / "model").tokenizer == bundle.tokenizer
with run_lock(root / "run"):
    write_file(root / "run" / "file", b"one")
    write_file(root / "run" / "file", b"two\\n")
assert (root / "run" / "file").read_bytes() == b"two\\n"
cached_folder(cache_root() / "folder", lambda empty: (empty / "a").write_bytes(b"a"))
assert (root / "cache" / "nextword" / "folder" / "a").read_bytes() == b"a"
for arguments in (["--help"], ["presets"], ["info", str(root / "model")]):
    try:
        main(arguments)
    except SystemExit as end:
        assert not end.code, end.code
"""


def run_like_windows(program: str, folder: Path, *arguments: str | Path) -> str:
    """Run a program as on Windows, with a user's cache folder in `folder`, and return what it printed."""
    file = folder / "program.py"
    file.write_text(program, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "NEXTWORD_CACHE"}
    done = subprocess.run(
        [sys.executable, like_windows.__file__, file, *arguments],
        capture_output=True,
        text=True,
        env=environment | {"LOCALAPPDATA": str(folder / "cache")},
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_windows_lacks_is_hidden(tmp_path: Path) -> None:
    absent = like_windows.absent_names("os")
    assert absent >= {"O_DIRECTORY", "O_CLOEXEC", "getuid", "sysconf", "sched_getaffinity", "getloadavg"}
    assert not absent & {"open", "fsync", "O_RDONLY", "dup2", "cpu_count"}
    assert {"SIGPIPE", "SIGHUP"} <= like_windows.absent_names("signal")
    seen = run_like_windows(
        "__name__ = 'nextword.probe'\nimport os, signal, sys\n"
        "print(hasattr(os, 'O_DIRECTORY'), hasattr(signal, 'SIGPIPE'), sys.platform, os.name)\n"
        "try:\n    import fcntl\nexcept ModuleNotFoundError as error:\n    print(error)\n",
        tmp_path,
    )
    assert seen == "False False win32 nt\nNo module named 'fcntl'\n"


def test_every_module_is_imported(tmp_path: Path) -> None:
    imported = run_like_windows(IMPORT_EVERYTHING, tmp_path).split()
    assert len(imported) > 200
    assert {"nextword.cli.train", "nextword.training.run", "nextword.system.files"} <= set(imported)


def test_a_bundle_is_saved_and_loaded_and_commands_run(tmp_path: Path) -> None:
    printed = run_like_windows(SAVE_AND_LOAD, tmp_path, tmp_path)
    assert "Usage: nextword" in printed
    assert "quick" in printed
    assert "tiny" in printed


@pytest.mark.parametrize(
    ("system", "variable", "default"),
    [
        ("linux", "XDG_CACHE_HOME", ".cache"),
        ("darwin", "", "Library/Caches"),
        ("win32", "LOCALAPPDATA", "AppData/Local"),
    ],
)
def test_each_system_has_its_cache_folder(
    system: str, variable: str, default: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nextword.system.cache import user_cache

    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    assert user_cache(system) == tmp_path / default
    if variable:
        monkeypatch.setenv(variable, "relative")
        assert user_cache(system) == tmp_path / default
        monkeypatch.setenv(variable, str(tmp_path / "other"))
        assert user_cache(system) == tmp_path / "other"
