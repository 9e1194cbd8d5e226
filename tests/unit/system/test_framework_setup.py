"""What one process compiles, the next one finds."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from pathlib import Path
import nextword
from nextword.system.framework import use_compilation_cache
print(use_compilation_cache(Path(sys.argv[1])))
import jax
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
hits = []
jax.monitoring.register_event_listener(lambda name, **_: hits.append(name) if name.endswith("cache_hits") else None)
print(jax.jit(lambda x: x * 3 + 1)(2.0))
print(len(hits))
"""

# A block of 64 MiB, freed and asked for again: the second time costs no page faults where it was kept.
MEMORY_SCRIPT = """
import ctypes, resource
from nextword.system.framework import keep_freed_memory
print(keep_freed_memory())
c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes, c.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
size = 2**26
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = c.malloc(size)
    ctypes.memset(block, 1, size)
    c.free(block)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

# A command that ends where it imports Keras.
COMMAND_SCRIPT = """
import os, sys
from pathlib import Path
from nextword.cli.main import main
from nextword.system.framework import keep_freed_memory

def stop(event, arguments):
    if event == "exec" and Path(arguments[0].co_filename).parts[-2:] == ("keras", "__init__.py"):
        print("kept", keep_freed_memory.cache_info().currsize, flush=True)
        os._exit(0)

sys.addaudithook(stop)
main(sys.argv[1:])
"""

PAGES = 2**26 // 4096
"""How many pages such a block has."""

_SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HAS_HUGE_PAGES = _SWITCH.exists() and "[never]" not in _SWITCH.read_text("utf-8")

on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")


@pytest.fixture(autouse=True)
def _no_cache_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)


def printed(program: str, *arguments: object, **variables: str) -> list[str]:
    """Return the words that a program prints in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.split()


def test_the_second_process_compiles_nothing_again(tmp_path: Path) -> None:
    folder, value, hits = printed(SCRIPT, tmp_path)
    assert Path(folder).is_relative_to(tmp_path)
    assert (value, hits) == ("7.0", "0")
    assert any(Path(folder).iterdir())
    again, value, hits = printed(SCRIPT, tmp_path)
    assert (again, value) == (folder, "7.0")
    assert int(hits) > 0


def test_a_cache_of_the_users_own_is_left_as_it_is(tmp_path: Path) -> None:
    folder, *_ = printed(SCRIPT, tmp_path / "ours", JAX_COMPILATION_CACHE_DIR=str(tmp_path / "theirs"))
    assert folder == str(tmp_path / "theirs")
    assert not (tmp_path / "ours").exists()


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folder, value, _ = printed(SCRIPT, tmp_path / "file")
    assert (folder, value) == ("None", "7.0")


@on_glibc
def test_what_is_freed_is_kept() -> None:
    answer, _, second = printed(MEMORY_SCRIPT)
    assert answer == "True"
    assert int(second) < PAGES / 10


@on_glibc
@pytest.mark.skipif(not HAS_HUGE_PAGES, reason="the kernel has no huge pages, or they are off")
def test_new_memory_comes_in_huge_pages() -> None:
    _, first, _ = printed(MEMORY_SCRIPT)
    assert int(first) < PAGES / 10


@on_glibc
def test_a_variable_leaves_the_allocator_as_it_is() -> None:
    answer, first, second = printed(MEMORY_SCRIPT, NEXTWORD_KEEP_MEMORY="0")
    assert answer == "False"
    assert int(second) > int(first) / 2


# A thread that takes memory before it is kept has an arena of its own, which threads of JAX may get.
ARENAS_SCRIPT = """
import ctypes, sys
from pathlib import Path
from nextword import Corpus, train
corpus = Corpus.load({"train": ["a b a b"] * 2000, "valid": ["a b"], "test": ["a b"]})
from nextword import LanguageModel
model = LanguageModel.from_preset("quick", vocabulary_size=corpus.tokenizer.vocabulary_size)
c, path = ctypes.CDLL(None), sys.argv[1]
c.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(c.fopen(path.encode(), b"w"))
c.malloc_info(0, file)
c.fclose(file)
print(Path(path).read_text().count("<heap nr"))
"""


@on_glibc
def test_reading_a_text_and_importing_keras_take_no_arena_of_their_own(tmp_path: Path) -> None:
    assert printed(ARENAS_SCRIPT, tmp_path / "arenas.xml") == ["1"]


@on_glibc
@pytest.mark.parametrize("command", ["train austen --dry-run", "doctor"])
def test_commands_that_train_keep_memory_before_keras_is_imported(command: str, tmp_path: Path) -> None:
    words = [str(tmp_path / word) if word == "s" else word for word in command.split()]
    said = printed(COMMAND_SCRIPT, *words, NEXTWORD_RUNS=str(tmp_path / "runs"))
    assert said[-2:] == ["kept", "1"]
