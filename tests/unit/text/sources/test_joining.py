import json
from pathlib import Path

import pytest

from nextword.errors import TextError
from nextword.text.options import DEFAULT_OPTIONS
from nextword.text.sources import joining
from nextword.text.sources.files import TextFile
from nextword.text.sources.joining import write_joined

EXPECTED = b"one\n\ntwo\n\nthree\n\nfour\n"


@pytest.fixture
def files(tmp_path: Path) -> list[TextFile]:
    contents = {"a.txt": b"one\n", "b.txt": b"two", "c.jsonl": b'{"text": "three"}\n', "d.txt": b"four\n"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [TextFile(tmp_path / name, DEFAULT_OPTIONS) for name in contents]


def test_a_blank_line_is_between_two_files(tmp_path: Path, files: list[TextFile]) -> None:
    write_joined(files, tmp_path / "partial", tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == EXPECTED
    assert not (tmp_path / "partial").exists()


@pytest.mark.parametrize("interrupted", [0, 1, 2, 3])
def test_it_resumes_with_the_file_that_was_interrupted(
    tmp_path: Path, files: list[TextFile], interrupted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "_SAVED_BYTES", 1)
    partial, target, read = tmp_path / "partial", tmp_path / "joined", list[Path]()
    checked_blocks = TextFile.checked_blocks

    def stop(file: TextFile) -> object:
        if len(read) == interrupted:
            raise KeyboardInterrupt
        read.append(file.path)
        return checked_blocks(file)

    def resume(file: TextFile) -> object:
        read.append(file.path)
        return checked_blocks(file)

    monkeypatch.setattr(TextFile, "checked_blocks", stop)
    with pytest.raises(KeyboardInterrupt):
        write_joined(files, partial, target)
    with (partial / "text").open("ab") as file:
        file.write(b"half of a fi")  # as a power failure may leave it
    monkeypatch.setattr(TextFile, "checked_blocks", resume)
    write_joined(files, partial, target)
    assert target.read_bytes() == EXPECTED
    assert read == [file.path for file in files]


@pytest.mark.parametrize("state", [b"", b"{}", json.dumps({"files": 2, "bytes": 10**6, "between": ""}).encode()])
def test_a_damaged_note_is_not_believed(tmp_path: Path, files: list[TextFile], state: bytes) -> None:
    partial = tmp_path / "partial"
    partial.mkdir()
    (partial / "state.json").write_bytes(state)
    (partial / "text").write_bytes(b"rest")
    write_joined(files, partial, tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == EXPECTED


def test_what_was_refused_leaves_nothing(tmp_path: Path, files: list[TextFile]) -> None:
    (tmp_path / "d.txt").write_bytes(b"f\xffour")
    bad = [*files[:3], TextFile(tmp_path / "d.txt", DEFAULT_OPTIONS)]
    with pytest.raises(TextError, match=r"d\.txt`, line 1, byte 1"):
        write_joined(bad, tmp_path / "partial", tmp_path / "joined")
    assert not (tmp_path / "partial").exists()
    assert not (tmp_path / "joined").exists()
