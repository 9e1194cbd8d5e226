from pathlib import Path

import pytest
from optuna.storages.journal import JournalFileOpenLock

from nextword.tuning.claim import Outcome
from nextword.tuning.journal_repair import drop_torn_line
from nextword.tuning.study import Study


@pytest.mark.parametrize(
    ("content", "kept"), [(b"", b""), (b"{}\n", b"{}\n"), (b"{}\n{", b"{}\n"), (b'{"op', b"")], ids=str
)
def test_half_a_line_is_dropped_and_nothing_else(tmp_path: Path, content: bytes, kept: bytes) -> None:
    path = tmp_path / "journal.log"
    path.write_bytes(content)
    assert drop_torn_line(path, JournalFileOpenLock(str(path))) is (content != kept)
    assert path.read_bytes() == kept
    assert [entry.name for entry in tmp_path.iterdir()] == ["journal.log"]


def test_a_study_goes_on_over_half_a_line(study: Study) -> None:
    claim = study.claim()
    assert claim is not None
    with claim:
        study.end(claim, Outcome("complete", 5.0))
    with study.directory.journal.open("ab") as file:
        file.write(b'{"op_code":4,"worker')
    again = Study(study.directory, study.settings)
    assert [trial.value for trial in again.trials] == [5.0]
    second = again.claim()
    assert second is not None
    assert second.number == 1
