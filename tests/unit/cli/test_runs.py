import json
import shutil
import tomllib
from pathlib import Path

import pytest
import tomli_w

from nextword.bundle.run_directory import is_in_use, run_lock
from support.commands import Captured, Command, Json, nextword


@pytest.fixture
def folder(trained_run: Path, tmp_path: Path) -> Path:
    """A folder of runs: one finished, one stopped, one damaged, and a folder that is none."""
    runs = tmp_path / "runs"
    for name in ("a", "b", "c"):
        shutil.copytree(trained_run, runs / name)
    shutil.rmtree(runs / "b" / "model")
    (runs / "b" / "metrics.json").unlink()
    (runs / "c" / "config.toml").write_text("=", encoding="utf-8")
    (runs / "other").mkdir()
    return runs


def test_runs_are_listed_with_their_state_and_figures(folder: Path, json_of: Json) -> None:
    rows = {Path(row["run"]).name: row for row in json_of("runs", folder)}
    assert {name: row["state"] for name, row in rows.items()} == {"a": "finished", "b": "stopped", "c": "damaged"}
    metrics = json.loads((folder / "a" / "metrics.json").read_text(encoding="utf-8"))
    row = rows["a"]
    assert (row["text"], row["preset"], row["progress"]) == ("story.txt", "quick", 1.0)
    assert row["num_parameters"] == metrics["num_parameters"]
    assert row["test_perplexity"] == metrics["splits"][1]["perplexity"]
    assert row["seconds"] == metrics["seconds"]
    assert rows["b"]["test_perplexity"] is None
    assert rows["b"]["valid_perplexity"] > 1
    assert rows["b"]["progress"] == 1.0  # six epochs of six, but no model yet


def test_a_run_that_only_adapts_and_a_base_that_is_damaged_end_no_list(folder: Path, json_of: Json) -> None:
    path = folder / "b" / "config.toml"
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("epochs")]
    lines.insert(lines.index("[training]") + 1, f'epochs = 0.0\nbase = "{folder / "c"}"')
    path.write_text("\n".join(lines), encoding="utf-8")
    rows = {Path(row["run"]).name: row for row in json_of("runs", folder)}
    assert (rows["b"]["base"], rows["b"]["progress"]) == ("c", 1.0)


def test_progress_is_a_share_of_the_time_that_a_short_text_needs(folder: Path, json_of: Json) -> None:
    path = folder / "b" / "config.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    seconds = next(row["seconds"] for row in json_of("runs", folder) if row["run"].endswith("b"))
    tables["training"]["minutes"] = 10.0
    plan = {"seconds": 600.0, "passes_at_end": 2.0, "round_steps": 10, "planned_steps": [60]}
    tables["plan"] = {**plan, "needed_seconds": 4 * seconds}
    path.write_text(tomli_w.dumps(tables), encoding="utf-8")
    assert [row["progress"] for row in json_of("runs", folder / "b")] == [pytest.approx(0.25)]


def test_a_run_at_work_is_running(folder: Path, json_of: Json) -> None:
    assert not is_in_use(folder / "b")
    with run_lock(folder / "b"):
        assert is_in_use(folder / "b")
        assert [row["state"] for row in json_of("runs", folder / "b")] == ["running"]
    assert [row["state"] for row in json_of("runs", folder / "b")] == ["stopped"]


def test_the_table_is_for_a_person(folder: Path, monkeypatch: pytest.MonkeyPatch, printed: Command) -> None:
    monkeypatch.setenv("COLUMNS", "160")  # a test process may have another width
    heading, *rows = printed("runs", folder).splitlines()
    assert heading.split() == [
        *("run", "text", "preset", "parameters", "progress", "bits/char", "valid", "test", "time", "state")
    ]
    assert [row.split()[0] for row in rows] == ["a", "b", "c"]
    assert [row.split()[-1] for row in rows] == ["finished", "stopped", "damaged"]


@pytest.mark.parametrize(
    ("columns", "name"), [(80, "a-run-with-a-rather-long-name"), (20, "r" * 40), (160, "a"), (160, "demo[draft]")]
)
def test_the_name_of_a_run_is_never_cut(
    columns: int, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, printed: Command
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    (folder / "a").rename(folder / name)
    heading, *rows = printed("runs", folder).splitlines()
    (row,) = [row for row in rows if row.startswith(f"{name} ")]
    assert row.split()[-1] == "finished"
    assert ("parameters" in heading) == (columns == 160)
    assert columns < 80 or max(map(len, rows)) <= columns


def test_two_runs_are_compared(folder: Path, json_of: Json, printed: Command) -> None:
    config = folder / "b" / "config.toml"
    changed = config.read_text(encoding="utf-8").replace("learning_rate = 0.02", "learning_rate = 0.03")
    config.write_text(changed, encoding="utf-8")
    first, second = str(folder / "a"), str(folder / "b")
    table = json_of("runs", first, second)
    assert table["settings"] == {"training.learning_rate": {first: 0.02, second: 0.03}}
    assert [row["state"] for row in table["runs"]] == ["finished", "stopped"]
    lines = [line.split() for line in printed("runs", first, second).splitlines()]
    assert ["training.learning_rate", "0.02", "0.03"] in lines
    assert ["state", "finished", "stopped"] in lines
    assert "no setting differs" in printed("runs", first, first)


def test_the_folder_has_a_default(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, printed: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    here = printed("runs")
    monkeypatch.chdir("/")
    monkeypatch.setenv("NEXTWORD_RUNS", str(folder))
    assert printed("runs") == here
    (tmp_path / "empty").mkdir()
    assert nextword("runs", tmp_path / "empty") == 0
    assert capsys.readouterr().out == f"no runs in `{tmp_path / 'empty'}` yet; `nextword train TEXT` makes one\n"


def test_before_the_first_run_there_are_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, json_of: Json, printed: Command, mistake: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    assert printed("runs") == "no runs in `runs` yet; `nextword train TEXT` makes one\n"
    assert json_of("runs") == []
    assert "`runs` must be a folder of runs, but does not exist" in mistake("runs", "runs")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{folder}/nowhere"], "must be a folder of runs, but does not exist"),
        (["{folder}/c/config.toml"], "must be a folder of runs, but is a file"),
        (["{folder}/a", "{folder}/other"], "must be the directory of a training run, but has no config.toml"),
        (["{folder}/a", "{folder}/c"], "must be valid TOML"),
    ],
)
def test_mistakes_are_named(arguments: list[str], message: str, folder: Path, mistake: Command) -> None:
    assert message in mistake("runs", *(argument.format(folder=folder) for argument in arguments))
