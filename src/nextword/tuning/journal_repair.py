"""The last line of a journal, where a power failure left half of it."""

from pathlib import Path

from optuna.storages.journal import JournalFileOpenLock


def drop_torn_line(journal: Path, lock: JournalFileOpenLock) -> bool:
    """Cut off what follows the last line end, and return whether there was something.

    A line is written by one call and then synced, so that a process that is killed tears none; a machine that loses
    its power may. Optuna cannot read on after half a line, and what it said was never acted on.
    """
    lock.acquire()
    try:
        if not journal.exists():
            return False
        with journal.open("rb+") as file:
            content = file.read()
            kept = content.rfind(b"\n") + 1
            file.truncate(kept)
        return kept < len(content)
    finally:
        lock.release()
