from pathlib import Path
from typing import Any

import pytest

from nextword.errors import TextError
from nextword.text.corpus import Corpus
from nextword.text.encoding.token_store import TokenStore
from nextword.text.options import TextOptions
from nextword.text.reading.reader import TextRange
from nextword.training.config import RunConfig
from nextword.training.tuning.study_text import StudyText


def test_a_folder_needs_no_test_split(folder_without_test: Path, base: RunConfig) -> None:
    text = StudyText.load(folder_without_test, base.text)
    assert (text.train.num_tokens, text.valid.num_tokens) == (2100, 280)


def test_the_last_part_of_a_file_is_never_read(
    folder_without_test: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (folder_without_test / "train.txt").read_bytes()
    path = tmp_path / "one.txt"
    path.write_bytes(content[:-20] + b"\xff\xff\n")
    options = TextOptions(minimum_count=1)
    with pytest.raises(TextError, match="UTF-8"):
        Corpus.load(path, options)
    parts: list[tuple[int, int]] = []
    make = TokenStore.of.__func__  # type: ignore[attr-defined]

    def remember(cls: type, part: TextRange, /, *arguments: Any, **named: Any) -> object:
        parts.append((part.start, part.stop))
        return make(cls, part, *arguments, **named)

    monkeypatch.setattr(TokenStore, "of", classmethod(remember))
    StudyText.load(path, options)
    assert len(parts) == 2
    assert max(stop for _, stop in parts) < len(content) * 0.97


def test_the_ids_and_the_hash_match_the_corpus(folder_without_test: Path, tmp_path: Path) -> None:
    for name in ("train.txt", "valid.txt"):
        (tmp_path / name).write_bytes((folder_without_test / name).read_bytes())
    (tmp_path / "test.txt").write_bytes((folder_without_test / "valid.txt").read_bytes())
    options = TextOptions(minimum_count=1)
    text, corpus = StudyText.load(tmp_path, options), Corpus.load(tmp_path, options)
    assert text.sha256 == corpus.sha256_without_test != corpus.sha256
    assert text.tokenizer == corpus.tokenizer
    assert text.options == corpus.options
    for mine, theirs in ((text.train, corpus.train), (text.valid, corpus.valid)):
        assert (mine.ids == theirs.ids).all()
