"""Data sets of the library `datasets`, made here and read as texts."""

from pathlib import Path
from typing import Any

import pytest

from nextword.errors import TextError
from nextword.text.corpus import Corpus
from nextword.text.options import TextOptions
from nextword.text.sources.find import resolve_source
from nextword.text.sources.names import SPLITS

datasets = pytest.importorskip("datasets", reason="needs the library `datasets`: pip install datasets")

ROWS: list[dict[str, Any]] = [{"body": f"mail number {number}\nregards", "label": number % 2} for number in range(300)]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTWORD_CACHE", str(tmp_path / "cache"))
    datasets.disable_progress_bars()


def part(first: int, last: int) -> Any:
    return datasets.Dataset.from_list(ROWS[first:last])


def whole(text: Any, **options: Any) -> bytes:
    return b"".join(resolve_source(text, TextOptions(field="body", **options), needed=("all",)).parts["all"].blocks())


EXPECTED = "\n\n".join(row["body"] for row in ROWS).encode("utf-8") + b"\n\n"


def test_a_data_set_is_a_text_of_its_rows() -> None:
    assert whole(part(0, 300)).strip() == EXPECTED.strip()
    corpus = Corpus.load(part(0, 300), field="body")
    assert corpus.name == "text"
    assert "mail" in corpus.tokenizer.vocabulary


def test_a_data_set_on_disk_and_one_that_streams_are_the_same_text(tmp_path: Path) -> None:
    part(0, 300).save_to_disk(tmp_path / "saved")
    assert whole(datasets.load_from_disk(tmp_path / "saved")) == whole(part(0, 300))
    assert whole(part(0, 300).to_iterable_dataset(num_shards=3)) == whole(part(0, 300))
    assert whole(part(0, 300)["body"]) == whole(part(0, 300))  # a column of it


def test_the_splits_of_a_dictionary_stay_as_they_are() -> None:
    splits = datasets.DatasetDict(
        train=part(0, 200), validation=part(200, 250), test=part(250, 300), unsupervised=part(0, 1)
    )
    source = resolve_source(splits, TextOptions(field="body"))
    found = [b"".join(source.parts[split].blocks()) for split in SPLITS]
    assert found == [whole(part(*span)) for span in ((0, 200), (200, 250), (250, 300))]
    streamed = datasets.IterableDatasetDict({name: rows.to_iterable_dataset() for name, rows in splits.items()})
    again = resolve_source(streamed, TextOptions(field="body"))
    assert [again.parts[split].sha256 for split in SPLITS] == [source.parts[split].sha256 for split in SPLITS]


def test_its_documents_are_split_by_a_hash() -> None:
    repeated = datasets.concatenate_datasets([part(0, 300), part(0, 100)])
    options = TextOptions(field="body", split_by="document", deduplicate="documents")
    source = resolve_source(repeated, options)
    assert "100 repeated documents dropped" in source.how_split
    assert sum(part.num_bytes for part in source.parts.values()) == len(whole(part(0, 300)))


def test_a_field_that_is_missing_is_named_with_those_that_are_there() -> None:
    with pytest.raises(TextError, match=r"the text, row 1: the field `text` is missing; .* has: body, label"):
        resolve_source(part(0, 3), needed=("all",))
