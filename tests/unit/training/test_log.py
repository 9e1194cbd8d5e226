import csv
import json
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.bundle.model_card import SplitMetrics
from nextword.errors import CheckpointError, MissingExtraError, StorageError
from nextword.training.log import draw_curves, read_log, read_split_metrics, write_log
from nextword.training.progress import RoundRecord, TrainingProgress

WHITE = np.ones(4)

records = st.lists(
    st.builds(
        RoundRecord,
        **{
            field.name: st.integers(0, 10**6) if field.type is int else st.floats(0, 1e9, allow_nan=False)
            for field in fields(RoundRecord)
        },
    ),
    max_size=5,
)


def make_records(*valid_perplexities: float) -> list[RoundRecord]:
    return [
        RoundRecord(
            round=number,
            step=10 * number,
            epoch=0.5 * number,
            learning_rate=0.1,
            train_perplexity=1.2 * perplexity,
            train_accuracy=0.3 - 1 / (10 * number),
            valid_perplexity=perplexity,
            valid_accuracy=0.25 - 1 / (10 * number),
            words_per_second=1000.0,
            seconds=float(number),
        )
        for number, perplexity in enumerate(valid_perplexities, start=1)
    ]


RECORDS = make_records(300.0, 150.0, 110.0, 130.0)


def colors_of(path: Path) -> Any:
    """The distinct colors of a picture, and the number of pixels that are not white."""
    image = pytest.importorskip("matplotlib.image", reason="needs matplotlib").imread(path)
    points = image.reshape(-1, image.shape[-1])
    return np.unique((points * 255).astype(int), axis=0), int((points != WHITE[: image.shape[-1]]).any(axis=1).sum())


def test_both_pictures_exist_and_are_not_blank(tmp_path: Path) -> None:
    png, svg = draw_curves(RECORDS, tmp_path, title="a run")
    assert (png, svg) == (tmp_path / "curves.png", tmp_path / "curves.svg")
    colors, drawn = colors_of(png)
    for wanted in ((0x8A, 0x8F, 0x98), (0x1F, 0x5F, 0xBF), (0xC2, 0x41, 0x0C)):
        assert (colors[:, :3] == wanted).all(axis=1).any(), wanted
    assert drawn > 5_000
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")  # noqa: S314  # our own file
    assert svg.read_text(encoding="utf-8").count("<path") > 20


def test_the_picture_depends_on_the_records(tmp_path: Path) -> None:
    drawn = []
    for records in (RECORDS, make_records(300.0, 150.0, 110.0, 90.0)):
        png, _ = draw_curves(records, tmp_path, title="a run")
        drawn.append(png.read_bytes())
    assert drawn[0] != drawn[1]


def test_the_same_run_draws_the_same_picture(tmp_path: Path) -> None:
    drawn = [[path.read_bytes() for path in draw_curves(RECORDS, tmp_path, title="a run")] for _ in range(2)]
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("perplexities", [(100.0,), (3.0, 2.0), (1.0, 1.0), (1e5, 1e6, 2e4)])
def test_few_rounds_and_extreme_perplexities_can_be_drawn(tmp_path: Path, perplexities: tuple[float, ...]) -> None:
    png, _ = draw_curves(make_records(*perplexities), tmp_path, title="a run")
    assert len(colors_of(png)[0]) > 5


def test_without_matplotlib_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match="curves need matplotlib, which is missing; install the extra `train`"):
        draw_curves(RECORDS, tmp_path, title="a run")
    assert list(tmp_path.iterdir()) == []


def read_csv(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def read_jsonl(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(records)
def test_both_files_have_every_round_exactly_and_nothing_else(tmp_path: Path, records: list[RoundRecord]) -> None:
    write_log(tmp_path, TrainingProgress(records=tuple(records)))
    expected = [asdict(record) for record in records]
    assert read_jsonl(tmp_path / "log.jsonl") == expected
    assert read_csv(tmp_path / "log.csv") == expected
    header = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.split(",") == [field.name for field in fields(RoundRecord)]
    assert {path.name for path in tmp_path.iterdir()} == {"log.jsonl", "log.csv"}


def test_a_log_that_cannot_be_written_is_an_error_for_the_user(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"log\.jsonl` could not be written"):
        write_log(tmp_path / "absent", TrainingProgress())


def test_a_written_log_is_read_back(tmp_path: Path) -> None:
    assert read_log(tmp_path / "log.jsonl") == ()
    write_log(tmp_path, TrainingProgress(records=tuple(RECORDS)))
    assert read_log(tmp_path / "log.jsonl") == tuple(RECORDS)


def test_written_metrics_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    assert read_split_metrics(path) == ()
    row = SplitMetrics(
        split="test", perplexity=9.0, bits_per_word=3.0, accuracy=0.5, num_tokens=8, protocol="every token once"
    )
    path.write_text(json.dumps({"splits": [asdict(row)]}), encoding="utf-8")
    assert read_split_metrics(path) == (row,)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"{}", b"\xff"])
def test_a_damaged_log_or_metrics_file_is_an_error_with_a_repair(tmp_path: Path, content: bytes) -> None:
    for name, read in (("log.jsonl", read_log), ("metrics.json", read_split_metrics)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            CheckpointError, match=rf"{name}` must be a file written by a training run.*--resume {tmp_path}"
        ):
            read(tmp_path / name)
