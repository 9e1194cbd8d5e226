"""The text of a model is found where its run says, if it has not changed."""

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import nextword
from nextword.bundle.origin import Origin, sample_model_path
from nextword.bundle.origin_text import OriginText
from nextword.errors import TextError
from nextword.text.corpus import joined_sha256
from nextword.text.options import TextOptions
from nextword.text.sources.find import resolve_source
from nextword.text.sources.names import SPLITS
from nextword.text.sources.samples import sample_path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A directory as a training run leaves it, with a text of its own."""
    text = tmp_path / "text.txt"
    text.write_text("".join(f"Line {number} of the text is so.\n\n" for number in range(2000)), encoding="utf-8")
    parts = resolve_source(text, TextOptions()).parts
    digest = joined_sha256(*(parts[split] for split in SPLITS))
    run = tmp_path / "run"
    shutil.copytree(sample_model_path("austen"), run / "model")
    config = f'[origin]\ntext_path = "{text}"\ntext_sha256 = "{digest}"\n[text]\nvalid_fraction = 0.05\n'
    (run / "config.toml").write_text(config, encoding="utf-8")
    return run


def text_of(path: Path) -> OriginText:
    return OriginText(Origin.of_bundle(path))


def passage_in(text: OriginText) -> str:
    return "\n".join(islice(text.lines("test"), 100))


def test_the_sample_model_has_the_sample_text() -> None:
    text = text_of(sample_model_path("austen"))
    assert text.is_readable()
    passage = passage_in(text)
    whole = sample_path("austen").read_text(encoding="utf-8")
    assert passage.split()[:20] == whole[whole.index(passage.splitlines()[0]) :].split()[:20]
    assert whole.index(passage.splitlines()[0]) > 0.94 * len(whole)


def test_a_run_has_its_text(run: Path) -> None:
    text = text_of(run / "model")
    assert text.origin.run == run.resolve()
    assert text.is_readable()
    for path in (run, run.resolve()):
        text = text_of(path)
        assert text.is_readable()
        assert text.origin.run == path
        passage = passage_in(text)
        assert passage.startswith("Line 19")
    tokenizer = nextword.load("austen").tokenizer
    assert len(text.load("train", tokenizer).ids) > 10_000


def test_the_whole_text_is_hashed_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []

    def count(*parts: Any) -> str:
        hashed.append(parts)
        return joined_sha256(*parts)

    monkeypatch.setattr("nextword.bundle.origin_text.joined_sha256", count)
    text = text_of(run)
    assert text.is_readable()
    assert passage_in(text)
    assert len(text.load("train", nextword.load("austen").tokenizer).ids)
    assert len(hashed) == 1


def test_a_text_that_changed_is_not_used(run: Path) -> None:
    (run.parent / "text.txt").write_text("Another text.\n" * 5000, encoding="utf-8")
    text = text_of(run)
    assert not text.is_readable()
    with pytest.raises(TextError, match="changed since"):
        passage_in(text)
    with pytest.raises(TextError, match="changed since"):
        text.load("train", nextword.load("austen").tokenizer)


def test_a_text_that_is_gone_is_not_used(run: Path) -> None:
    (run.parent / "text.txt").unlink()
    assert not text_of(run).is_readable()


def test_a_bundle_alone_has_no_text(tmp_path: Path) -> None:
    copy = shutil.copytree(sample_model_path("austen"), tmp_path / "copy")
    text = text_of(copy)
    assert text.origin == Origin(copy)
    assert not text.is_readable()


@pytest.mark.parametrize("config", ["origin = 3", "[origin", "[text]\nno_such_setting = 1", "\xff"])
def test_a_damaged_run_has_no_text(run: Path, config: str) -> None:
    (run / "config.toml").write_bytes(config.encode("latin-1"))
    assert not text_of(run).is_readable()
