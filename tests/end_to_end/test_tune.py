"""`nextword tune` as a command: several processes on one study, ended in any way, and resumed."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from support.postgresql import PASSWORD, postgresql_server
from support.waiting import wait_until


class CommandLine(Protocol):
    folder: Path
    text: Path

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]: ...

    def call(self, *arguments: str | Path) -> tuple[int, str]: ...

    def run(self, *arguments: str | Path) -> tuple[int, str]: ...


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
    arguments = (
        "tune",
        command_line.text,
        "--study",
        study,
        "--search-space",
        search,
        "--trials",
        "4",
        "--pruner",
        "none",
    )
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


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty PostgreSQL database; `nextword` gets its URL, with the password, from the environment."""
    with postgresql_server() as server:
        url = server.new_database()
        monkeypatch.setenv("NEXTWORD_STORAGE", url)
        yield url


@pytest.mark.slow
def test_the_trial_of_a_killed_machine_is_taken_by_another(
    command_line: CommandLine, tmp_path: Path, search: Path, database: str
) -> None:
    """Each directory stands for a machine. The second never opens the directory of the first."""
    begin = ("tune", command_line.text, "--search-space", search, "--pruner", "none", "--keep-runs", *SIZES)
    arguments = (*begin, "--batch-size", "8", "--num-steps", "10", "--epochs", "12", "--rounds", "4")
    here, there = tmp_path / "here", tmp_path / "there"
    lost = command_line.start(*arguments, "--trials", "2", "--grace-seconds", "3", "--study", here)
    wait_until(lambda: len(log_of(here / "trials" / "0000")) >= 1)
    lost.kill()
    before = lost.communicate()
    assert len(log_of(here / "trials" / "0000")) < 4, "the test shows nothing unless the kill came before the end"
    # The second machine trains trial 1, and meanwhile or afterwards sees that the first one is gone.
    other = command_line.start(*arguments, "--trials", "2", "--grace-seconds", "3", "--study", there)
    after = other.communicate(timeout=PATIENCE)
    assert other.returncode == 0, after[1]

    report = report_of(command_line, there)
    assert sorted(trial["number"] for trial in report["trials"]) == [1, 2]
    assert [trial["state"] for trial in report["trials"]] == ["complete"] * 2

    # The trial that was taken again has the result of one that was left alone.
    with pytest.MonkeyPatch.context() as alone:
        alone.delenv("NEXTWORD_STORAGE")
        finished(command_line.start(*arguments, "--trials", "1", "--study", tmp_path / "alone"))
    left_alone = perplexities(tmp_path / "alone" / "trials" / "0000")
    begun = perplexities(here / "trials" / "0000")
    assert left_alone[: len(begun)] == begun
    assert left_alone in [perplexities(there / "trials" / trial) for trial in ("0001", "0002")]

    # A URL on the command line stays out of the files, too.
    code, errors = command_line.run("tune", "--study", here, "--storage", database)
    assert code == 0, errors
    given = command_line.start(
        *arguments, "--trials", "2", "--grace-seconds", "3", "--study", tmp_path / "third", "--storage", database
    )
    output = given.communicate(timeout=PATIENCE)
    assert given.returncode == 0, output[1]
    assert PASSWORD not in "".join((*before, *after, *output, errors))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"postgresql+psycopg://tuner@127.0.0.1" in path.read_bytes() for path in files)
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]


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
        (["{text}"], "`--study` must be given"),
        (["--study", "{study}"], "must be the directory of a study, but has no study.toml"),
        (["--study", "{study}", "--epochs", "3"], "`--epochs` must be given with TEXT, but is given without"),
        (["{text}", "--study", "{study}", "--trials", "0"], "`--trials` must be at least 1, but is 0"),
        (["{text}", "--study", "{study}", "--preset", "quik"], "`quik` is not a preset\nhint: did you mean `quick`?"),
        (["{text}", "--study", "{study}", "--search-space", "no-such.toml"], "no-such.toml cannot be read"),
        (["{text}", "--study", "{study}", "--search-space", "{bad}"], "`learning_rat` is not a setting of [training]"),
        (["no-such-text", "--study", "{study}"], "`no-such-text` is not a sample, file or folder"),
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
