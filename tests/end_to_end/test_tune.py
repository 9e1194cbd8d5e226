"""`nextword tune` as a command: several processes on one study, ended in any way, and resumed."""

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.command_line import CommandLine
from support.waiting import wait_until

SIZES = ("--embedding-size", "8", "--hidden-sizes", "8", "--compute-dtype", "float32")
SETTINGS = (*SIZES, "--batch-size", "8", "--num-steps", "10", "--rounds", "4")
PATIENCE = 280
SEARCH = "[training]\nlearning_rate = {low = 0.002, high = 0.2, log = true}\n"


@pytest.fixture
def search(tmp_path: Path) -> Path:
    """A space in which all trials have the same shapes, so they share compiled programs."""
    path = tmp_path / "search.toml"
    path.write_text(SEARCH, encoding="utf-8")
    return path


def finished(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return output


def report_of(command_line: CommandLine, study: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(finished(command_line.start("tune", "--study", study, "--json")))
    return table


def log_of(trial: Path) -> list[dict[str, Any]]:
    path = trial / "log.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def perplexities(trial: Path) -> list[float]:
    return [record["valid_perplexity"] for record in log_of(trial)]


@pytest.mark.slow
def test_two_processes_share_a_study_and_its_best_trial_is_reproducible(
    command_line: CommandLine, tmp_path: Path, search: Path
) -> None:
    study = tmp_path / "study"
    where = ("--study", study, "--search-space", search, "--trials", "4", "--pruner", "none")
    arguments = ("tune", command_line.text, *where)
    processes = [command_line.start(*arguments, *SETTINGS, "--epochs", "1") for _ in range(2)]
    outputs = [finished(process) for process in processes]
    begun = [{int(number) for number in re.findall(r"^trial (\d+):", output, re.MULTILINE)} for output in outputs]
    assert begun[0] | begun[1] == set(range(4))
    assert not begun[0] & begun[1]

    report = report_of(command_line, study)
    assert [trial["state"] for trial in report["trials"]] == ["complete"] * 4
    assert len({trial["values"]["training.learning_rate"] for trial in report["trials"]}) == 4
    found = [trial["perplexity"] for trial in report["trials"]]
    assert found == sorted(found)
    assert report["best"]["perplexity"] == found[0]
    assert not list(study.glob("trials/*/checkpoints"))
    assert not list(study.glob("trials/*/model"))

    run = tmp_path / "run"
    code, errors = command_line.run("train", command_line.text, "--config", study / "best.toml", "--run", run)
    assert code == 0, errors
    assert perplexities(run) == perplexities(study / "trials" / f"{report['best']['number']:04d}")
    assert min(perplexities(run)) == found[0]


@pytest.mark.slow
def test_a_killed_or_interrupted_trial_is_bit_identical(
    command_line: CommandLine, tmp_path: Path, search: Path
) -> None:
    begin = ("tune", command_line.text, "--search-space", search, "--trials", "1", "--keep-runs", *SIZES)
    arguments = (*begin, "--batch-size", "8", "--num-steps", "10", "--epochs", "60", "--rounds", "12")
    finished(command_line.start(*arguments, "--study", tmp_path / "left-alone"))
    left_alone = perplexities(tmp_path / "left-alone" / "trials" / "0000")
    assert len(left_alone) == 12

    study, trial = tmp_path / "study", tmp_path / "study" / "trials" / "0000"
    process = command_line.start(*arguments, "--study", study)
    wait_until(lambda: len(log_of(trial)) >= 2)
    process.kill()
    process.communicate()
    killed_after = len(log_of(trial))

    process = command_line.start("tune", "--study", study)
    wait_until(lambda: len(log_of(trial)) > killed_after)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert errors.startswith("interrupted by SIGINT; ")
    assert errors.endswith(f"resume with: nextword tune --study {study}\n")
    assert errors.count("\n") == 1
    assert len(log_of(trial)) < 12, "the test shows nothing unless both came before the end"

    finished(command_line.start("tune", "--study", study, "--keep-runs"))
    assert perplexities(trial) == left_alone
    report = report_of(command_line, study)
    assert [(row["state"], row["rounds"]) for row in report["trials"]] == [("complete", 12)]

    # The kept checkpoint becomes a model without another step. Only then is the test split read.
    code, errors = command_line.run("train", "--finish", trial)
    assert code == 0, errors
    assert "| test |" in (trial / "model" / "README.md").read_text(encoding="utf-8")


def test_a_folder_without_a_test_split_can_be_tuned(command_line: CommandLine, tmp_path: Path, search: Path) -> None:
    text, lines = tmp_path / "text", command_line.text.read_text(encoding="utf-8").splitlines(keepends=True)
    text.mkdir()
    (text / "train.txt").write_text("".join(lines[:300]), encoding="utf-8")
    (text / "valid.txt").write_text("".join(lines[300:]), encoding="utf-8")
    study = tmp_path / "study"
    arguments = ("--study", study, "--search-space", search, "--trials", "1", *SETTINGS, "--epochs", "0.5", "--json")
    report = json.loads(finished(command_line.start("tune", text, *arguments)))
    assert report["best"]["rounds"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--study", "{study}"], "must be the directory of a study, but has no study.toml"),
        (["--study", "{study}", "--epochs", "3"], "`--epochs` must be given with TEXT, but is given without"),
        (["{text}", "--study", "{study}", "--search-space", "no-such.toml"], "no-such.toml cannot be read"),
        (["{text}", "--study", "{study}", "--search-space", "{bad}"], "`learning_rat` is not a setting of [training]"),
        (
            ["{text}", "--study", "{study}", "--minutes-per-trial", "1", "--epochs", "3"],
            "`--minutes-per-trial` decides the epochs, but `--epochs 3` was given too",
        ),
    ],
)
def test_a_mistake_is_reported_and_creates_no_study(
    command_line: CommandLine, tmp_path: Path, arguments: list[str], message: str
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[training]\nlearning_rat = {low = 0.1, high = 0.2}\n", encoding="utf-8")
    places = {"text": command_line.text, "study": tmp_path / "study", "bad": bad}
    code, errors = command_line.call("tune", *(argument.format_map(places) for argument in arguments))
    assert code == 2, errors
    assert "Traceback" not in errors
    assert message in errors.partition("error: ")[2]
    assert not (tmp_path / "study").exists()
