"""The rows of a run at the width of a terminal."""

import io
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from nextword.training.plan import Plan
from nextword.training.progress import TrainingProgress
from nextword.training.report.progress_bar import ProgressBar
from support.training_records import PLAN, RECORDS


def test_a_header_comes_once_and_a_row_for_each_round_with_the_time_left() -> None:
    file = io.StringIO()
    with ProgressBar(Console(file=file, soft_wrap=True, highlight=False)) as bar:
        for number, record in enumerate(RECORDS, 1):
            best = 1 if number == 2 else number
            progress = TrainingProgress(tuple(RECORDS[:number]), best_round=best, finished=number == len(RECORDS))
            bar.on_round(record, PLAN, progress)
    header, *rows = file.getvalue().splitlines()
    assert header.split() == ["round", "epoch", "perplexity:", "train", "valid", "words/s", "elapsed", "left"]
    assert [row.split()[0] for row in rows] == [str(record.round) for record in RECORDS]
    assert [row.endswith("  best") for row in rows] == [number != 2 for number in range(1, len(RECORDS) + 1)]
    assert rows[-1].removesuffix("  best").endswith("0:00:00")
    for name, width in (("train", 5), ("valid", 5), ("words/s", 7), ("elapsed", 7), ("left", 4)):
        end = header.index(name) + width
        assert all(row[end - 1] != " " and row[end : end + 1] in (" ", "") for row in rows), name


def test_large_numbers_stay_below_eighty_columns() -> None:
    file = io.StringIO()
    large = replace(
        RECORDS[0],
        round=99_999,
        epoch=12_345.678,
        train_perplexity=7.9e12,
        valid_perplexity=99_999.994,
        words_per_second=9_999_999.0,
        seconds=359_999.0,
        step_seconds=3_000.0,
    )
    console = Console(file=file, force_terminal=True, width=80, highlight=False)
    with ProgressBar(console) as bar:
        bar.on_start(Plan(100_000, 2000, (10_000_000,)), TrainingProgress())
        bar.on_step(1_234_567, 12_345.6, 1_234_567.0)
        bar._bar.refresh()
        bar.on_round(large, Plan(20, 10, (40,)), TrainingProgress((large,), best_round=1))
    written = [Text.from_ansi(line).plain for line in file.getvalue().splitlines()]
    assert all(len(line.rstrip()) < 80 for line in written)
    assert sum("99,999.99" in line and line.rstrip().endswith("best") for line in written) == 1
