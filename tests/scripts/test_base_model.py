"""The texts of the base of general English are read from the packages that hold them, and nothing else is taken."""

import json
import struct
import zlib
from pathlib import Path

import pytest

import base_model

BOOK = """<chapter n="1" osisID="X.1" sID="X.1"/><title>Of a man</title><div sID="a" type="x-p"/>The <w lemma="s">book
</w> of Abraham.<note placement="foot">A note.</note> \u201cIt is,\u201d he said.<div eID="a" type="x-p"/>
<div sID="b" type="x-p"/>He didn\u2019t go &amp; stayed.<chapter n="2" osisID="X.2" sID="X.2"/>The end."""


def test_a_bible_is_read_by_chapters_in_paragraphs_without_titles_and_notes(tmp_path: Path) -> None:
    block = zlib.compress(BOOK.encode())
    (tmp_path / "nt.bzz").write_bytes(b"before" + block)
    (tmp_path / "nt.bzs").write_bytes(struct.pack("<III", 6, len(block), len(BOOK)))
    first = ['The book of Abraham. "It is," he said.', "He didn't go & stayed."]
    assert [*base_model.bible(tmp_path)] == [first, ["The end."]]


def test_the_sentences_of_a_country_are_those_long_enough(tmp_path: Path) -> None:
    words = " ".join(["word"] * 20)
    table = {"Economy": {"text": f"short ++ {words}."}, "Government": {"note": {"text": words}, "size": "12"}}
    path = tmp_path / "package" / "europe" / "xx.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(table))
    assert [*base_model.countries(tmp_path)] == [[f"{words}.", words]]


def test_a_speech_is_cut_into_paragraphs_between_sentences() -> None:
    speech = " ".join(f"Sentence {number} of 3.5 percent is here." for number in range(12))
    cut = base_model.paragraphs(speech)
    assert " ".join(cut) == speech
    assert [paragraph.count("here.") for paragraph in cut] == [5, 5, 2]


def test_another_archive_than_the_one_that_was_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_model, "ROOT", tmp_path)
    source = base_model.SOURCES[0]
    archive = tmp_path / base_model.HOME / "packages" / source.archive
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"other")
    with pytest.raises(SystemExit, match=f"must have the SHA-256 {source.sha256}"):
        base_model.fetched(source)
