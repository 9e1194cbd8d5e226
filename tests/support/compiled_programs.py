"""What JAX compiles for the tests, kept for other processes, for other workers, and for the next session."""

import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

from filelock import FileLock, Timeout

# Its name is private, but machine code for another processor must not be found here either.
from nextword.system.framework import _processor_key

_MAX_BYTES = 2**30
_FINISHED = "finished.txt"


class CompiledPrograms:
    """A folder of compiled programs that JAX finds by the environment, in this process and in those that it starts.

    Only what a session had when it ended is kept: a program that was being written when a session died may be
    incomplete. One session uses the folder at a time; another in the same checkout goes without.
    """

    def __init__(self, root: Path) -> None:
        versions = f"{sys.implementation.cache_tag}-jaxlib-{metadata.version('jaxlib')}"
        self.folder = root / f"{versions}-{_processor_key()}"
        self._lock = FileLock(root.with_name(f"{root.name}.lock"), timeout=0, thread_local=False)

    def begin(self) -> None:
        """Remove what may not be used, and tell JAX of the rest; do nothing if another session uses the folder."""
        try:
            self._lock.acquire()
        except Timeout:
            return
        for other in set(self.folder.parent.iterdir()) - {self.folder}:
            shutil.rmtree(other, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        entries = {path.name: path.stat().st_size for path in self.folder.iterdir()}
        kept = self._finished() if sum(entries.values()) < _MAX_BYTES else set()
        for name in entries.keys() - kept:
            (self.folder / name).unlink(missing_ok=True)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(self.folder)
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

    def finish(self) -> None:
        """Note what is here, to be kept."""
        if not self._lock.is_locked:
            return
        names = [path.name for path in self.folder.iterdir()]
        (self.folder / _FINISHED).write_text("\n".join([_FINISHED, *names]), encoding="utf-8")
        self._lock.release()

    def _finished(self) -> set[str]:
        note = self.folder / _FINISHED
        return set(note.read_text(encoding="utf-8").splitlines()) if note.exists() else set()
