import tomllib
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import TrainingInterrupted
from nextword.settings import read_tables
from nextword.training.config import RunConfig
from nextword.training.plan import TimePlan
from nextword.training.tuning.sweep import Sweep
from support.commands import Captured, Command, Json, nextword
from support.postgresql import PASSWORD, postgresql_server


@pytest.fixture
def begun(small_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Begins a study in which nobody works, and returns what it was made to be."""
    monkeypatch.setattr(Sweep, "work", lambda _sweep: None)

    def begin(*arguments: str | Path) -> Any:
        assert nextword("tune", small_text, "--study", tmp_path / "study", *arguments) == 0
        return tomllib.loads((tmp_path / "study" / "study.toml").read_text(encoding="utf-8"))

    return begin


@pytest.mark.parametrize("missing", ["optuna", "keras"])
def test_what_is_not_installed_is_named_with_its_extra(
    missing: str, small_text: Path, monkeypatch: pytest.MonkeyPatch, mistake: Command
) -> None:
    monkeypatch.setattr("nextword.cli.tune.find_spec", lambda module: None if module == missing else find_spec(module))
    assert mistake("tune", small_text, "--study", "nowhere") == (
        f"error: tuning needs `{missing}`, which is missing\n"
        "hint: install the extra `all`: pip install 'nextword[all]'\n"
    )


def test_flags_a_file_and_the_preset_are_the_base(begun: Callable[..., Any], small_text: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[training]\nlearning_rate = 0.5\nclip_norm = 2.0\n", encoding="utf-8")
    study = begun("--config", config, "--learning-rate", "0.25", "--epochs", "3", "--pruner", "hyperband")
    assert study["study"]["text"] == study["base"]["origin"]["text_path"] == str(small_text.resolve())
    assert study["study"]["pruner"] == "hyperband"
    training = study["base"]["training"]
    assert (training["learning_rate"], training["clip_norm"], training["epochs"]) == (0.25, 2.0, 3.0)
    assert study["search"]["training"]["learning_rate"] == {"low": 0.0625, "high": 1.0, "log": True}


@pytest.mark.parametrize(
    ("arguments", "minutes"),
    [(["--preset", "auto"], 10.0), (["--preset", "auto", "--minutes-per-trial", "2"], 2.0), (["--epochs", "3"], None)],
)
def test_minutes_are_those_of_a_trial_and_never_of_its_run(
    begun: Callable[..., Any], arguments: list[str], minutes: float | None
) -> None:
    study = begun(*arguments)
    assert study["study"].get("minutes_per_trial") == minutes
    assert "minutes" not in study["base"]["training"]


def test_the_settings_of_a_run_of_given_minutes_may_be_the_base(begun: Callable[..., Any], tmp_path: Path) -> None:
    plan = TimePlan(seconds=170.0, passes_at_end=2.0, planned_steps=(900, 910), round_steps=90)
    ran = replace(RunConfig.of("quick", {"training": {"minutes": 3.0}}), plan=plan)
    path = tmp_path / "config.toml"
    path.write_text(ran.to_toml(), encoding="utf-8")
    assert RunConfig.of("quick", read_tables(path)).plan == plan
    study = begun("--config", path)
    assert study["study"]["minutes_per_trial"] == 3.0
    assert "plan" not in study["base"]
    assert study["base"]["training"].keys().isdisjoint({"minutes", "round_steps"})


def test_a_study_that_has_begun_is_described_again(
    begun: Callable[..., Any], capsys: Captured, tmp_path: Path, small_text: Path, json_of: Json
) -> None:
    begun("--epochs", "3")
    capsys.readouterr()
    assert json_of("tune", "--study", tmp_path / "study")["trials"] == []
    assert nextword("tune", small_text, "--study", tmp_path / "study", "--epochs", "4") == 2
    assert "`base.training.epochs` must stay 3.0, the value of the study, but is 4.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stop", "said", "code"),
    [(TrainingInterrupted(15), "interrupted by SIGTERM", 143), (KeyboardInterrupt(), "interrupted", 130)],
    ids=["SIGTERM", "before the first step"],
)
@pytest.mark.parametrize("more", [(), ("--trials", "40")], ids=str)
def test_an_interruption_says_how_to_resume(
    begun: Callable[..., Any],
    capsys: Captured,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop: KeyboardInterrupt,
    said: str,
    code: int,
    more: tuple[str, ...],
) -> None:
    begun("--epochs", "3")

    def interrupt(_sweep: Sweep) -> None:
        raise stop

    monkeypatch.setattr(Sweep, "work", interrupt)
    capsys.readouterr()
    assert nextword("tune", "--study", tmp_path / "study", *more) == code
    command = " ".join(["nextword tune --study", str(tmp_path / "study"), *more])
    assert capsys.readouterr().err == f"{said}; resume with: {command}\n"


def test_the_database_may_come_from_the_environment_or_the_file_of_the_study(
    begun: Callable[..., Any], capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/sweep.db"
    monkeypatch.setenv("NEXTWORD_STORAGE", url)
    study = begun("--epochs", "3", "--grace-seconds", "9")["study"]
    assert (study["storage"], study["grace_seconds"]) == (url, 9)
    monkeypatch.delenv("NEXTWORD_STORAGE")
    assert nextword("tune", "--study", tmp_path / "study") == 0
    assert nextword("tune", "--study", tmp_path / "study", "--storage", f"{url}2") == 2
    assert f"`--storage` must stay {url}, as in the study, but is {url}2" in capsys.readouterr().err


def test_a_study_in_files_does_not_move_to_a_database(
    begun: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: Command
) -> None:
    begun("--epochs", "3")
    monkeypatch.setenv("NEXTWORD_STORAGE", f"sqlite:///{tmp_path}/sweep.db")
    assert "must stay unset, as in the study" in mistake("tune", "--study", tmp_path / "study")
    assert not (tmp_path / "sweep.db").exists()


def test_a_password_stays_out_of_all_files(begun: Callable[..., Any], tmp_path: Path) -> None:
    with postgresql_server() as server:
        study = begun("--epochs", "3", "--storage", server.new_database())
    assert study["study"]["storage"].startswith("postgresql+psycopg://tuner@127.0.0.1")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
