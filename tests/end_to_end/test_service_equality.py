"""The command line, Python and the service give the same answers."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import nextword
from nextword.bundle.origin import sample_model_path
from nextword.bundle.store import read_bundle, write_bundle
from nextword.cli.main import main
from support.small_mixture import with_mixture
from support.text_service import answered, service_at

Command = Callable[..., str]


@pytest.fixture(scope="module", params=["austen", "alone", "mixed"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample model, its network alone, and the same with another mixture."""
    if request.param == "austen":
        return sample_model_path("austen")
    path, bundle = tmp_path_factory.mktemp(request.param) / "austen", read_bundle(sample_model_path("austen"))
    write_bundle(path, bundle.without_mixture() if request.param == "alone" else with_mixture(bundle))
    return path


@pytest.fixture(scope="module")
def client(path: Path) -> Iterator[TestClient]:
    with service_at(path) as client:
        yield client


@pytest.fixture(scope="module")
def model(path: Path) -> nextword.TrainedModel:
    return nextword.load(path)


@pytest.fixture
def command(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on the model with some standard input, and returns its standard output."""

    def run(name: str, *arguments: str, typed: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed.encode()), encoding="utf-8"))
        main([name, str(path), *arguments])
        return capsys.readouterr().out

    return run


ADDED = {"start", "end", "alternatives"}
"""What the service says of a token, and the command does not."""

LINES = ["She was very much obliged.", "", "Mr. Zxqv said: \u201cno\u201d", "It is a truth universally acknowledged"]


@pytest.mark.parametrize("options", [{"bos": False, "carry": True}, {"eos": False, "spell": False}])
def test_scores(client: TestClient, model: nextword.TrainedModel, command: Command, options: dict[str, bool]) -> None:
    flags = [f"--{'' if value else 'no-'}{name}" for name, value in options.items()]
    printed = command("score", "--json", "--tokens", *flags, typed="\n".join(LINES) + "\n")
    by_command = [json.loads(line) for line in printed.splitlines()]
    by_service = answered(client, "/v1/score", lines=LINES, tokens=True, **options)["lines"]
    by_python = [score.to_table() for score in model.score_lines(LINES, **options)]
    assert [_without_tokens(line) for line in by_service] == by_python
    assert [_without_tokens(line) for line in by_command] == by_python
    for command_line, service_line in zip(by_command, by_service, strict=True):
        tokens = [
            {"token" if name == "text" else name: value for name, value in token.items() if name not in ADDED}
            for token in service_line["tokens"]
        ]
        assert tokens == command_line["tokens"]


def _without_tokens(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "tokens"}


def test_suggestions(client: TestClient, model: nextword.TrainedModel, command: Command) -> None:
    text = "He said. "
    by_command = json.loads(command("suggest", text, "--json", "-k", "4"))
    by_service = answered(client, "/v1/suggest", text=text, k=4)
    assert by_service["suggestions"] == by_command["suggestions"]
    assert by_service["suggestions"] == [vars(each) for each in model.suggest(text, 4, restore_case=True)]


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, {"temperature": 1.0, "top_p": 0.5, "seed": 3}])
def test_generated_text(client: TestClient, model: nextword.TrainedModel, command: Command, settings: Any) -> None:
    prompt = "It is a truth universally"
    answer = answered(client, "/v1/completions", model="austen", prompt=prompt, max_tokens=12, **settings)
    flags = [part for name, value in settings.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    printed = command("generate", "--prompt", prompt, "--max-tokens", "12", "--json", *flags)
    by_command = json.loads(printed)
    by_python = model.generate(prompt, max_tokens=12, **settings)
    text = answer["choices"][0]["text"]
    assert by_command["text"] == text
    assert by_python == prompt + text
