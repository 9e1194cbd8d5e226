"""Reads mutated models of a stranger in a process of its own, under an audit hook and a limit on memory.

    python fuzz_bundles.py FOLDER COUNT SEED

FOLDER has a sound bundle in each folder of it. A mutant is one of them with a few changes, sealed by a manifest that
fits, or damaged after that. What happens is printed as JSON: how many mutants were refused and read, what else
happened, and the greatest memory.
"""

import json
import os
import random
import resource
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from nextword.bundle.store import model_sha256, read_bundle
from nextword.engine.opening import start_engine
from nextword.errors import NextwordError
from nextword.system import sealed_directory
from support.byte_changes import changed

MAX_MEMORY = 2 * 2**30
_FORBIDDEN = (
    *("exec", "compile", "import", "pickle.find_class", "marshal.loads", "ctypes.dlopen", "code.__new__"),
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.putenv", "os.chmod", "os.chown"),
    *("socket.__new__", "socket.connect", "socket.getaddrinfo", "urllib.Request", "shutil.copyfile"),
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "tempfile.mkstemp"),
)

_OF_THE_SYSTEM = ("/proc/self/cgroup", "/sys/fs/cgroup/")
"""How many processors there are, which the engine asks."""


class Watch:
    """What the interpreter does while a mutant is read, as audit events: none of a forbidden kind may come."""

    def __init__(self) -> None:
        self.folder = ""
        self.is_on = False
        self.events: Counter[str] = Counter()
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event in _FORBIDDEN or (event == "open" and not self._is_inside(*arguments)):
            self.events[f"{event} {arguments!r:.200}"] += 1

    def _is_inside(self, name: Any, mode: Any, flags: int) -> bool:
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if isinstance(name, int):
            return not writes
        plain = os.fsdecode(name)  # a plain name is opened relative to the open folder
        known = plain == self.folder or plain.startswith((f"{self.folder}/", *_OF_THE_SYSTEM))
        return not writes and ("/" not in plain or known)


def mutated(files: dict[str, bytes], others: list[dict[str, bytes]], rng: random.Random) -> dict[str, bytes]:
    """Return files with one to four changes."""
    files = dict(files)
    for _ in range(rng.randint(1, 4)):
        name = rng.choice(sorted(files))
        files[name] = changed(files[name], rng)
        if rng.random() < 0.05:
            del files[rng.choice(sorted(files))]
        if rng.random() < 0.05:
            other = rng.choice(others)
            name = rng.choice(sorted(other))
            files[name] = other[name]
    return files


def attack(path: Path, files: dict[str, bytes], rng: random.Random, watch: Watch) -> str:
    """Write a mutant, read it and run it, and return what happened."""
    shutil.rmtree(path, ignore_errors=True)
    sealed_directory.write(path, files)
    if rng.random() < 0.2:
        victim = path / rng.choice(sorted(entry.name for entry in path.iterdir()))
        victim.write_bytes(changed(victim.read_bytes(), rng))
    watch.folder, watch.is_on = str(path), True
    try:
        model_sha256(path, with_mixture=True)
        bundle = read_bundle(path)
        if bundle.onnx is not None:
            engine = start_engine(bundle, "onnx").engine
            engine.step(np.array([engine.end_id], np.int32), engine.start(1))
    except NextwordError as error:
        return "refused" if "\n" not in str(error) and len(str(error)) < 2500 else f"a long message: {error!s:.200}"
    except Exception as error:
        return f"{type(error).__name__}: {error!s:.300}"
    finally:
        watch.is_on = False
    return "read"


def main(folder: Path, count: int, seed: int) -> None:
    """Attack `count` times, and print what happened."""
    rng, watch = random.Random(seed), Watch()
    os.fsync = lambda fd: None  # noqa: ARG005 - no power failure is tested here
    sound = [sealed_directory.read(path) for path in sorted(folder.iterdir())]
    path = folder.parent / f"mutant-{seed}"
    for files in sound:  # so that all that a sound model needs is imported
        assert attack(path, files, random.Random(0), Watch()) == "read"
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    happened = Counter(attack(path, mutated(rng.choice(sound), sound, rng), rng, watch) for _ in range(count))
    peak = Path("/proc/self/status").read_text("utf-8").partition("VmHWM:")[2]
    megabytes = int(peak.split()[0]) / 1024
    print(json.dumps({"happened": happened, "events": watch.events, "megabytes": megabytes}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
