"""What the allocator keeps, asked of a process of its own, since the setting cannot be taken back."""

import os
import platform
import subprocess
import sys

import pytest

# A block of 64 MiB, freed and asked for again: the second time costs no page faults where it was kept.
SCRIPT = """
import ctypes, resource
from nextword.machine.memory import keep_freed_memory
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

on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")


def run(**variables: str) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    return result.stdout.split()


@on_glibc
def test_what_is_freed_is_kept() -> None:
    answer, first, second = run()
    assert answer == "True"
    assert int(second) < int(first) / 10


@on_glibc
def test_a_variable_leaves_the_allocator_as_it_is() -> None:
    answer, first, second = run(NEXTWORD_KEEP_MEMORY="0")
    assert answer == "False"
    assert int(second) > int(first) / 2


@on_glibc
def test_training_asks_for_it() -> None:
    script = "from nextword import LanguageModel\nfrom nextword.machine.memory import keep_freed_memory\n"
    result = subprocess.run(
        [sys.executable, "-c", script + "print(keep_freed_memory.cache_info().currsize)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["1"]
