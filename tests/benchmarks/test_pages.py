"""The ledgers, and the tables and charts of perplexity that are made from them."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.charts import minutes_chart, programs_of
from harness.ledger import (
    KeystrokeResult,
    Result,
    parsed,
    read_ledger,
    results_of_contest,
    results_of_evaluation,
    write_ledger,
)
from harness.pages import Query, grouped, keystrokes_table, renewed, results_tables
from nextword.errors import SettingError
from support.benchmark_runs import make

DOCS = Path(__file__).parents[2] / "docs"


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_methods_are_rows_or_columns() -> None:
    results = [make(), make(method="cache,ngram", test_perplexity=70.0)]
    headings, _, *lines = rows(results_tables(Query(corpus="ptb"), results))
    trained = ["preset", "minutes", "machine", "parameters", "epochs"]
    assert headings == [*trained, "read as", "valid", "test", "seeds", "commit"]
    described = ["`auto`", "10", "a processor", "1,000,000", "5.0"]
    assert lines == [
        [*described, "static", "90.00", "**85.00**", "0", "abc1234"],
        [*described, "cache, ngram", "90.00", "**70.00**", "0", "abc1234"],
    ]
    results.append(make(minutes=30.0, command="other"))
    table = rows(results_tables(Query(corpus="ptb", preset="auto", methods="across"), results))
    assert [line[4:7] for line in table] == [
        ["valid", "test, static", "test, cache, ngram"],
        ["---"] * 3,
        ["90.00", "**85.00**", "**70.00**"],
        ["90.00", "**85.00**", ""],
    ]


def test_seeds_of_one_command_share_a_row_with_their_spread() -> None:
    size = {"parameters": 1_100_000}
    other = make(
        seed=1, test_perplexity=87.0, command="nextword train ptb --minutes 10 --seed 1 --run runs/other", **size
    )
    table = rows(results_tables(Query(corpus="ptb", preset="auto"), [make(), other]))
    assert {"**86.00 ± 1.41**", "0, 1", "1,000,000 and 1,100,000"} <= set(table[2])
    larger = make(parameters=2_000_000)
    assert "2,000,000 and 1,100,000" in rows(results_tables(Query(corpus="ptb", preset="auto"), [other, larger]))[2]
    others = [make(commit="b"), make(command="nextword train ptb"), make(corpus="austen"), make(preset="quick")]
    assert len(grouped([make(), *others])) == 5
    (group,) = grouped([make(valid_perplexity=None), make(seed=1), make(method="cache")])
    assert group.values("valid_perplexity") == [90.0, 90.0]


def test_a_busy_machine_is_the_same_and_machines_have_short_names() -> None:
    busy = make(processor="Intel(R) Xeon(R) Processor, 2 cores, AMX-BF16, not idle", seed=1)
    idle = make(processor="Intel(R) Xeon(R) Processor, 2 cores, AMX-BF16")
    groups = grouped([idle, busy, make(processor="AMD EPYC family 25, 2 cores", seed=2)])
    assert [(group.machine, group.seeds) for group in groups] == [("Intel Xeon with AMX", [0, 1]), ("AMD EPYC", [2])]


def test_each_machine_has_a_table_of_its_own() -> None:
    results = [make(processor=f"{name}, 2 cores", test_perplexity=ppl) for name, ppl in (("B", 9), ("A", 8), ("B", 7))]
    tables = results_tables(Query(corpus="ptb", preset="auto"), [*results[:2], dataclasses.replace(results[2], seed=1)])
    first, second = (rows(table) for table in tables.split("\n\n")[1::2])
    assert tables.startswith("**A**\n\n| minutes |")
    assert "machine" not in first[0]
    assert ["**8.00**" in line for line in first[2:]] == [True]
    assert ["**8.00**" in line for line in second[2:]] == [False]


def test_a_query_chooses_by_patterns_and_picks_commits() -> None:
    results = [make(preset="a", minutes=30.0), make(preset="b", test_perplexity=None), make(preset="c")]
    assert [group.first.preset for group in Query().groups(results)] == ["c", "b", "a"]
    assert [group.first.preset for group in Query.of("corpus=ptb preset=a,c* minutes=10").groups(results)] == ["c"]
    methods = [make(method=name) for name in ("static", "cache,temperature", "dynamic")]
    (group,) = Query.of("commit=abc* seed=0 read=static;cache*").groups([*methods, make(seed=10)])
    assert list(group.by_method) == ["static", "cache,temperature"]
    for pick, commits in {"newest": ["c"], "earlier": ["a", "b"], "all": ["a", "b", "c"]}.items():
        groups = Query.of(f"pick={pick}").groups([make(commit=commit) for commit in "abc"])
        assert [group.first.commit for group in groups] == commits
    elsewhere = [make(commit="a"), make(commit="b", processor="EPYC, 2 cores")]
    assert len(Query.of("pick=newest").groups(elsewhere)) == 2
    machines = [make(processor=f"Intel(R) Xeon(R) Processor, 2 cores, {feature}") for feature in ("AVX2", "AMX-BF16")]
    assert [group.machine for group in Query.of("machine=Intel?Xeon").groups(machines)] == ["Intel Xeon"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("corpse=ptb", "'corpse'"), ("ptb", "'ptb'"), ("pick=best", "newest or earlier"), ("methods=up", "down or")],
)
def test_an_impossible_query_is_named(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        renewed(f"<!-- results: {text} -->\n<!-- end of results -->", [])


def test_only_what_is_between_the_comments_changes() -> None:
    page = "before\n<!-- results: preset=auto -->\nold\n<!-- end of results -->\nafter\n<!-- results: preset=none -->\n"
    new = renewed(page, [make()])
    assert new.startswith("before\n<!-- results: preset=auto -->\n\n| corpus |")
    assert new.endswith("|\n\n<!-- end of results -->\nafter\n<!-- results: preset=none -->\n")
    assert renewed(new, [make()]) == new
    wrapped = renewed(page.replace("preset=auto -->", "preset=auto\n-->"), [make()])
    assert wrapped.startswith("before\n<!-- results: preset=auto\n-->\n\n| corpus |")


@pytest.mark.parametrize("name", ["results.md", "results-history.md"])
def test_the_pages_of_results_show_what_the_ledgers_hold(name: str) -> None:
    """Remake them with `python benchmarks/results.py`."""
    page = (DOCS / name).read_text(encoding="utf-8")
    assert "<!-- results: " in page
    typed = read_ledger(DOCS / "keystrokes.jsonl", KeystrokeResult)
    assert renewed(page, read_ledger(DOCS / "results.jsonl", Result), typed) == page


def test_the_headline_numbers_are_in_the_history() -> None:
    """A number that is typed into both pages must be the same in both."""
    headline, history = ((DOCS / name).read_text(encoding="utf-8") for name in ("results.md", "results-history.md"))
    sections = [each for each in headline.split("\n## ")[1:] if "](results-history.md" in each]
    typed = re.sub(r"<!-- results: .*?<!-- end of results -->", "", "".join(sections), flags=re.DOTALL)
    numbers = {*re.findall(r"\d[\d,]*\.\d+|\d+,\d{3}", typed)}
    assert len(numbers) > 50
    assert {number for number in numbers if number not in history} == set()


def test_a_ledger_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, results = tmp_path / "results.jsonl", [make(), make(seed=1, valid_perplexity=None), make(epochs=None)]
    write_ledger(path, results)
    assert read_ledger(path, Result) == results
    write_ledger(path, [*results, make()])
    with pytest.raises(SettingError, match=r"line 4 .* repeats line 1"):
        read_ledger(path, Result)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 0.5}, "`seed` of a result must be"),
        ({"minutes": True}, "`minutes` of a result must be"),
        ({"minutes": None}, "`minutes` of a result must be"),
        ({"test_perplexity": float("nan")}, "`test_perplexity` of a result must be"),
        ({"extra": 1}, "must have the keys"),
    ],
)
def test_a_line_of_another_kind_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path, good = tmp_path / "results.jsonl", dataclasses.asdict(make())
    path.write_text(json.dumps(good) + "\n" + json.dumps(good | changes) + "\n", encoding="utf-8")
    with pytest.raises(SettingError, match=f"line 2 of .*{message}"):
        read_ledger(path, Result)
    del good["commit"]
    with pytest.raises(SettingError, match="must have the keys"):
        parsed(Result, good)


def test_a_contest_gives_a_result_for_each_program_and_method() -> None:
    line = {
        "kind": "result",
        "peer": "tutorial",
        "terms": {"corpus": "ptb", "minutes": 30.0, "seed": 3, "recipe": {"width": 8}},
        "commit": "0123456789ab",
        "processor": "a processor",
        "parameters": 7,
        "epochs": 1.234,
        "perplexities": {"windows": {"valid": 200.123, "test": 190.0}, "stream": {"valid": 210.0, "test": 201.0}},
    }
    windows, stream = results_of_contest([{"kind": "origin"}, line])
    assert (windows.preset, windows.method, windows.valid_perplexity) == ("contest/tutorial", "windows", 200.12)
    assert (stream.method, stream.test_perplexity, stream.seed, windows.commit) == ("stream", 201.0, 3, "0123456")
    command = """python benchmarks/quality.py ptb --minutes 30 --peers tutorial --recipe '{"width": 8}' --seed 3"""
    assert windows.command == stream.command == command


def test_a_table_of_keystrokes_shows_the_newest_result_of_each_model() -> None:
    origin = {"corpus": "ptb", "trained_by": "", "command": "", "seed": 0, "seconds": 12.5, "processor": ""}
    slots = [
        {"num_slots": count, "savings": savings, "savings_by_next_word": 0.2, "savings_by_completion": 0.3}
        for count, savings in ((1, 0.4), (3, 0.5), (5, 0.55))
    ]
    counts = {"num_keys": 1000, "num_words": 300, "num_out_of_vocabulary": 9}
    rates = {"next_word_top_1": 0.2, "next_word_top_3": 0.3, "completion_top_3": 0.75}
    columns = [
        {"label": label, "learned_words": learned, "slots": slots, **counts, **rates}
        for label in ("ptb-10", "Kneser-Ney")
        for learned in (False, True)
    ]
    older, newer = (
        results_of_evaluation({"keystrokes": columns}, ("LSTM", "Kneser-Ney 5"), {**origin, "commit": commit})
        for commit in ("1111111", "2222222")
    )
    table = keystrokes_table("ptb", [*older, *newer[:2]]).splitlines()
    assert table[2] == (
        "| LSTM | no | 40.0 % | 50.0 % | 55.0 % | 20.0 % | 30.0 % | 20.0 % | 30.0 % | 75.0 % | 2222222 |"
    )
    assert [line.split(" | ")[0] for line in table[2:]] == ["| LSTM"] * 2 + ["| Kneser-Ney 5"] * 2
    assert [line.split(" | ")[-1] for line in table[2:]] == ["2222222 |"] * 2 + ["1111111 |"] * 2
    assert keystrokes_table("austen", older) == ""
    with pytest.raises(SettingError, match="must come from `evaluate --keystrokes --json`"):
        results_of_evaluation({"evaluations": []}, ("a", "b"), {})


def test_each_program_is_drawn_at_its_best_recipe() -> None:
    ours = [make(minutes=30.0, test_perplexity=77.0), make(minutes=30.0, method="cache,temperature")]

    def program(name: str, test: float, **fields: Any) -> Result:
        return make(**{"preset": f"contest/{name}", "minutes": 30.0, "method": "stream"} | fields, test_perplexity=test)

    best = program("transformer", 87.0, method="windows of 64", valid_perplexity=94.0)
    worse = program("transformer", 80.0, method="windows of 64", valid_perplexity=99.0, command="b")
    again, used = program("nextword", 75.0), program("nextword", 62.0, method="as used")
    elsewhere, other = program("transformer", 60.0, processor="EPYC, 2 cores"), program("other", 107.0)
    found, machine = programs_of([*ours, best, worse, again, used, other, elsewhere], "ptb", 30)
    assert machine == "a processor"
    assert list(found.items()) == [("nextword", 75.0), ("small transformer (PyTorch)", 87.0), ("other", 107.0)]
    chart = minutes_chart([*ours, best, other], "ptb")
    for text in ("the network alone", "with a cache", "nextword, a processor", "other"):
        assert f">{text}<" in chart
    assert minutes_chart([*ours, worse, best, again, used, other], "ptb") == chart
