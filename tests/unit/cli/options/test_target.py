"""RUN_OR_MODEL as a person names it: a run, a bundle, or a sample model."""

from pathlib import Path
from shutil import copytree

import click
import pytest

from nextword.bundle.origin import Origin, sample_model_path
from nextword.cli.options.target import complete_model, target_path
from nextword.cli.suggest import suggest
from nextword.errors import BundleError
from nextword.text.options import TextOptions
from support.commands import Bundle, Command, Json


def test_a_name_alone_is_the_sample_model_and_a_folder_of_that_name_is_written_with_its_place() -> None:
    assert target_path("austen") == sample_model_path("austen")
    assert target_path("./austen") == Path("austen")
    assert target_path("runs/austen") == Path("runs/austen")


def test_the_text_of_a_sample_model_is_the_sample_of_its_name() -> None:
    target = Origin.of(target_path("austen"))
    assert (target.bundle, target.text) == (sample_model_path("austen"), "austen")
    assert (target.options, target.text_sha256) == (TextOptions(), None)


def test_a_run_in_the_current_folder_does_not_hide_the_sample_model(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, json_of: Json
) -> None:
    copytree(trained_run, tmp_path / "austen")
    monkeypatch.chdir(tmp_path)
    names = [json_of("info", argument)["name"] for argument in ("austen", "./austen")]
    assert names == ["austen", "story-quick"]


def test_another_name_is_refused_with_the_nearest(mistake: Command) -> None:
    said = mistake("suggest", "austin", "I am")
    assert said == (
        "error: `austin` must be the directory of a run or a model, but there is no such directory\n"
        "hint: did you mean `austen`?\n"
    )
    with pytest.raises(BundleError, match="did you mean `austen`"):
        Origin.of(Path("austin"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["suggest", "MODEL", "the cat"],
        ["suggest", "MODEL", "the ", "--complete"],
        ["generate", "MODEL", "the", "--seed", "1", "--json"],
        ["score", "MODEL", "TEXT"],
        ["compare", "MODEL", "TEXT"],
    ],
    ids=" ".join,
)
def test_commands_answer_with_the_mixture_unless_the_network_is_asked_for(
    arguments: list[str], small_bundle: Bundle, tmp_path: Path, printed: Command
) -> None:
    (tmp_path / "text").write_text("the cat sat on the mat .\nthe mat sat on the cat .\n", encoding="utf-8")

    def answer(model: Path, *options: str) -> str:
        paths = {"MODEL": model, "TEXT": tmp_path / "text"}
        return printed(*(paths.get(argument, argument) for argument in arguments), *options)

    mixed = small_bundle(mixes=True)
    default, mixture, static = answer(mixed), answer(mixed, "--method", "mixture"), answer(mixed, "--method", "static")
    assert default == mixture != static
    before = small_bundle()
    assert answer(before) == answer(before, "--method", "mixture") == static


def completed(typed: str) -> list[str]:
    context = click.Context(suggest)
    items = complete_model(context, suggest.params[0], typed)
    assert (items[0].type, items[0].value) == ("dir", typed)
    return [item.value for item in items[1:]]


def test_runs_and_models_are_completed(trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copytree(trained_run, tmp_path / "runs" / "demo")
    copytree(trained_run / "model", tmp_path / "mine")
    (tmp_path / "runs" / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    assert completed("") == ["austen", "mine", "runs/demo"]
    assert completed("runs/") == completed("runs/d") == completed("ru") == ["runs/demo"]
    assert completed("runs/demo/") == ["runs/demo/model"]
    assert completed(f"{tmp_path}/m") == [f"{tmp_path}/mine"]
    assert completed("nowhere/x") == completed("nul\0/x") == []
