"""What a power failure could take: in the system calls of each writer, bytes are synced before they get a name."""

import os
import re
from pathlib import Path

import pytest

from support.trust_cases import TrustCases
from trust.test_faults import WRITERS, Checkpoints, Writer, log_of

_CALL = re.compile(r'\d+ +(\w+)\((?:[^"<]*<)?(?:AT_FDCWD<[^>]*>, )?"?([^">]+)[">](.*)')
_TARGET = re.compile(r'"([^"]+)"\) = 0')
_REMOVED = re.compile(r', "([^"]+)"')


class Order:
    """The changes that are not yet on the disk, updated at each call of a log."""

    def __init__(self, log: str) -> None:
        self.unsynced: set[Path] = set()
        self.violations: list[str] = []
        self.named: set[Path] = set()
        for line in log.splitlines():
            if (called := _CALL.match(line)) and " = -1 " not in line:
                self._note(called[1], Path(called[2]), called[3])
        self.violations += [f"{path} is not synced" for path in self.unsynced & self.named]

    def _note(self, call: str, path: Path, rest: str) -> None:
        if (call == "openat" and "O_CREAT" in rest) or call == "mkdir":
            self.unsynced |= {path, path.parent}
        elif call in ("write", "writev", "pwrite64", "ftruncate"):
            self.unsynced.add(path)
        elif call in ("fsync", "fdatasync"):
            self.unsynced.discard(path)
        elif call in ("unlink", "unlinkat", "rmdir"):
            removed = path / within[1] if (within := _REMOVED.match(rest)) else path
            self.unsynced = {each for each in self.unsynced if removed not in (each, *each.parents)}
        elif call == "rename" and (target := _TARGET.search(rest)):
            self._renamed(path, Path(target[1]))

    def _renamed(self, source: Path, target: Path) -> None:
        """Record a name that readers find; names that begin with a dot are those of work in progress."""
        if target.name.startswith("."):
            return
        late = [path for path in self.unsynced if source in (path, *path.parents)]
        self.violations += [f"{path} is named {target.name} before it is synced" for path in late]
        self.named |= {target, target.parent}
        self.unsynced |= {target.parent}


def order_of(writer: Writer, root: Path) -> Order:
    return Order(log_of(writer, root))


@pytest.mark.parametrize("kind", WRITERS, ids=lambda kind: kind.__name__)
def test_bytes_are_synced_before_the_name_and_the_name_before_the_return(
    kind: type[Writer], tmp_path: Path, trust_cases: TrustCases
) -> None:
    order = order_of(kind(), tmp_path / "root")
    assert order.violations == []
    assert order.named
    trust_cases.add(names=len(order.named), violations=0)


def test_a_writer_that_does_not_sync_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", os.fstat)
    violations = order_of(Checkpoints(), tmp_path / "root").violations
    assert any("before it is synced" in each for each in violations)
    assert any("is not synced" in each for each in violations)
