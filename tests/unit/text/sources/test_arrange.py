from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.sources import arrange as arrangement
from nextword.text.sources.arrange import ArrangementCounts, write_arranged
from nextword.text.sources.documents import Document

LONG = "a line of a footer that is below each mail of this company and says that it is confidential, of course"
BY_DOCUMENT = TextOptions(split_by="document", valid_fraction=0.2, test_fraction=0.1)


def arranged(
    folder: Path, texts: list[str], options: TextOptions, *, always_blank: bool = False
) -> tuple[dict[str, str], ArrangementCounts]:
    documents = (Document(f"row {number}", text) for number, text in enumerate(texts, start=1))
    counts = write_arranged(documents, options, folder, always_blank=always_blank)
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.txt")}, counts


def lines_of(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


def test_by_default_nothing_is_arranged() -> None:
    assert not DEFAULT_OPTIONS.is_arranged
    for options in (BY_DOCUMENT, TextOptions(deduplicate="documents"), TextOptions(text_order="blocks")):
        assert options.is_arranged


def test_equal_documents_are_on_one_side_and_the_shares_are_right(tmp_path: Path) -> None:
    texts = [f"document {number % 2000}" for number in range(6000)]
    files, counts = arranged(tmp_path, texts, BY_DOCUMENT)
    sides = {name: set(lines_of(text)) for name, text in files.items()}
    assert sides.keys() == {"train", "valid", "test"}
    assert sum(map(len, sides.values())) == 2000  # no document is on two sides
    assert sum(len(lines_of(text)) for text in files.values()) == 6000
    assert len(sides["valid"]) == pytest.approx(400, abs=80)
    assert len(sides["test"]) == pytest.approx(200, abs=60)
    assert counts.split == {name: len(lines_of(text)) for name, text in files.items()}
    assert "split by a hash of each of 6,000 documents: train " in counts.describe(BY_DOCUMENT)[0]


def test_the_side_of_a_document_does_not_depend_on_the_others(tmp_path: Path) -> None:
    texts = [f"document {number}" for number in range(300)]
    (tmp_path / "all").mkdir()
    (tmp_path / "some").mkdir()
    everything, _ = arranged(tmp_path / "all", texts, BY_DOCUMENT)
    some, _ = arranged(tmp_path / "some", texts[::-3], BY_DOCUMENT)
    for name, text in some.items():
        assert set(lines_of(text)) <= set(lines_of(everything[name]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.sampled_from(["a", "b", "c d", "a\n", "e\nf", "g\r\nh"]), max_size=12))
def test_repeated_documents_are_dropped_and_counted(tmp_path: Path, texts: list[str]) -> None:
    options = TextOptions(deduplicate="documents")
    files, counts = arranged(tmp_path, texts, options)
    kept = list(dict.fromkeys(text.replace("\r\n", "\n").removesuffix("\n") for text in texts))
    assert lines_of(files["text"]) == [line for text in kept for line in text.split("\n")]
    assert (counts.num_documents, counts.num_repeated_documents) == (len(kept), len(texts) - len(kept))


def test_repeated_long_lines_are_dropped_and_short_ones_kept(tmp_path: Path) -> None:
    options = TextOptions(deduplicate="lines")
    assert len(LONG) >= arrangement.LONG_LINE
    texts = [f"Hello\none\n{LONG}", f"Hello\n{LONG}\ntwo\n{LONG}", LONG, "Hello"]
    files, counts = arranged(tmp_path, texts, options)
    assert lines_of(files["text"]) == ["Hello", "one", LONG, "Hello", "two", "Hello"]
    assert (counts.num_documents, counts.num_repeated_documents, counts.num_repeated_lines) == (3, 0, 3)
    assert counts.describe(options) == [
        "0 repeated documents dropped",
        "3 repeated lines of 100 characters or more dropped",
    ]


def test_documents_are_shuffled_within_their_side(tmp_path: Path) -> None:
    texts = [f"document {number}" for number in range(500)]
    (tmp_path / "given").mkdir()
    (tmp_path / "shuffled").mkdir()
    given_files, _ = arranged(tmp_path / "given", texts, BY_DOCUMENT)
    options = BY_DOCUMENT.replace(text_order="documents", text_seed=7)
    files, counts = arranged(tmp_path / "shuffled", texts, options)
    for name, text in files.items():
        assert lines_of(text) != lines_of(given_files[name])
        assert sorted(lines_of(text)) == sorted(lines_of(given_files[name]))
    assert counts.describe(options)[-1] == "shuffled by document with seed 7"


def test_documents_of_plain_text_are_parted_by_blank_lines(tmp_path: Path) -> None:
    options = TextOptions(deduplicate="documents")
    files, _ = arranged(tmp_path, ["one", "two", "three\nlines"], options, always_blank=True)
    assert files["text"] == "one\n\ntwo\n\nthree\nlines\n\n"


def test_a_document_that_is_no_text_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="row 2: text must hold no NUL"):
        arranged(tmp_path, ["one", "t\0wo"], BY_DOCUMENT)
