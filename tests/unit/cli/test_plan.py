import re
from types import SimpleNamespace
from typing import Any

import click
import pytest

from nextword.cli import plan as plan_module
from nextword.cli.plan import TextSize
from nextword.training.config import RunConfig
from support.commands import Captured, Command, Json, nextword

# 32 rows of 35 words make a batch of 1,120 words.
TINY = (
    *("--embedding-size", "8", "--hidden-sizes", "8", "--maximum-vocabulary", "100", "--batch-size", "32"),
    *("--num-steps", "35", "--compute-dtype", "float32", "--latency", "0"),
)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("1", 1),
        ("250M", 250e6),
        ("1.5G", 1.5e9),
        ("20k", 20_000),
        ("2e9", 2e9),
        ("5.5MB", 1e6),  # 5.5 bytes a word
        ("11GiB", 2 * 2**30),
        ("550B", 100),
    ],
)
def test_a_size_is_in_words_or_bytes(typed: str, words: float) -> None:
    assert TextSize().convert(typed, None, None) == pytest.approx(words)


@pytest.mark.parametrize("typed", ["", "0", "-5", "many", "4Gi", "4 GB", "1m", "1e999", "nan"])
def test_another_size_is_refused(typed: str) -> None:
    with pytest.raises(click.BadParameter, match="must be a number of words, such as 250M, or of bytes"):
        TextSize().convert(typed, None, None)


def test_more_hosts_than_rows_are_refused_before_anything_is_measured(
    mistake: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "_measured", None)
    assert "`batch_size` must be at least the number of hosts, 64" in mistake("plan", "1M", "--hosts", "64", *TINY)


def test_given_speeds_give_the_numbers_of_the_formula(json_of: Json) -> None:
    given = "--hosts 2 --network 0.001 --words-per-second 1000 --price 3.6 --round-steps 10 --collective 0.002"
    table = json_of("plan", "2M", *given.split(), *TINY)
    num_bytes = table["work"]["num_bytes"]
    assert num_bytes == 4 * table["work"]["num_parameters"]
    sent = num_bytes / 125_000  # 0.001 Gb/s are 125,000 bytes a second
    seconds = {each["strategy"]: [text["seconds"] for text in each["texts"]] for each in table["strategies"]}
    assert [text["words"] for text in table["strategies"][0]["texts"]] == [1e6, 2e6, 1e8, 1e9]
    assert seconds["one-host"] == pytest.approx([1e3, 2e3, 1e5, 1e6])
    # Two hosts: each sends and receives half of the bytes twice, after 16 rows of 35 words; it sums them twice as fast.
    assert seconds["data-parallel"][1] == pytest.approx(2e6 / 1120 * (0.56 + sent + sent / 2))
    # The same sum of all weights after 10 steps of 1,120 words on both.
    assert seconds["local-steps"][1] == pytest.approx(2e6 / 22_400 * (11.2 + sent + sent / 2))
    assert seconds["population"][1] == pytest.approx(2000 + sent)
    assert [each["texts"][1]["price"] for each in table["strategies"]] == pytest.approx(
        [hosts * 3.6 / 3600 * times[1] for hosts, times in zip((1, 2, 2, 2), seconds.values(), strict=True)]
    )


def test_the_table_shows_times_and_prices(capsys: Captured) -> None:
    arguments = ("--hosts", "4", "--network", "100000", "--collective", "100000")
    speed = ("--words-per-second", "1000", "--price", "0.5")
    assert nextword("plan", "36M", *arguments, *speed, *TINY) == 0
    lines = [re.sub(" {2,}", "  ", line.strip()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == "speed  1,000 words/s given"
    assert lines[2] == "batch  32 x 35 words; local-steps: 500 steps a round"
    assert lines[3] == "network  100000 Gb/s, 0 ms; sum of gradients: 100000 Gb/s"
    assert lines[5:8] == [
        "one-host  data-parallel  local-steps  population",
        "words/s  1,000  4,000  4,000  1,000",
        "efficiency  100%  100%  100%  100%",
    ]
    at = lines.index("36 M words  10.0 hours  2.5 hours  2.5 hours  10.0 hours")
    assert lines[at + 1] == "price  5.00  5.00  5.00  20.00"
    assert all(len(line) <= 80 for line in lines)


def test_the_speed_of_whole_and_split_batches_is_measured(monkeypatch: pytest.MonkeyPatch, json_of: Json) -> None:
    def measured(config: RunConfig, _vocabulary_size: int, *, seconds: float) -> Any:
        return SimpleNamespace(words_per_second=1000.0 * config.batching.batch_size + seconds)

    monkeypatch.setattr("nextword.training.planning.speed.measure_training", measured)
    monkeypatch.setattr(plan_module, "_MEASURED_SECONDS", 0.5)
    work = json_of("plan", "1M", "--hosts", "4", *TINY)["work"]
    assert (work["words_per_second"], work["split_words_per_second"]) == (32_000.5, 8_000.5)


def test_what_is_not_installed_is_named_unless_the_speed_is_given(
    monkeypatch: pytest.MonkeyPatch, mistake: Command
) -> None:
    monkeypatch.setattr(plan_module, "find_spec", lambda _module: None)
    assert "measuring the speed of training needs `keras`" in mistake("plan", "1M")
    assert nextword("plan", "1M", "--words-per-second", "10") == 0


def test_what_changes_no_time_is_no_option(capsys: Captured) -> None:
    assert nextword("plan", "1M", "--words-per-second", "1000", "--split-by", "document") == 2
    assert nextword("plan", "1M", "--words-per-second", "1000", "--epochs", "10") == 2
    assert capsys.readouterr().err.count("is not an option of `nextword plan`") == 2
