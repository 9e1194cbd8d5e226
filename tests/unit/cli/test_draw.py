from pathlib import Path

import pytest

from nextword.display.pictures.network import draw_network
from support.commands import Command, nextword

SUBJECTS = {
    "network": ["she was very happy"],
    "cell": ["austen", "She was very happy", "--word", "2", "--layer", "2", "--units", "4", "--mark", "7"],
    "unit": ["austen", '"Yes," he said.', "--mark", "57"],
    "surprisal": ["austen", "She was very happy"],
    "architecture": ["tutorial", "--vocabulary-size", "10000"],
    "windows": ["--batch-size", "1", "--num-steps", "4"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_picture_is_written_and_its_path_printed(folder: Path, subject: str, printed: Command) -> None:
    assert printed("draw", subject, *SUBJECTS[subject]) == f"{subject}.svg\n"
    assert (folder / f"{subject}.svg").read_text(encoding="utf-8").startswith("<svg ")
    assert printed("draw", subject, *SUBJECTS[subject], "--output", "other.svg") == "other.svg\n"
    assert (folder / "other.svg").read_bytes() == (folder / f"{subject}.svg").read_bytes()


def test_what_the_command_writes_is_what_the_function_draws(folder: Path) -> None:
    nextword("draw", "network", "it is so")
    assert (folder / "network.svg").read_text(encoding="utf-8") == draw_network("it is so").to_svg()


def test_the_architecture_of_a_model_is_its_own(folder: Path) -> None:
    assert nextword("draw", "architecture", "austen") == 0
    svg = (folder / "architecture.svg").read_text(encoding="utf-8")
    assert "Model austen" in svg
    assert "9,878" in svg


def test_an_unknown_word_is_shown_and_charged_for_its_spelling(folder: Path) -> None:
    assert nextword("draw", "surprisal", "austen", "Mr. Kowalczyk was very happy") == 0
    svg = (folder / "surprisal.svg").read_text(encoding="utf-8")
    assert "Kowalczyk" in svg
    assert "unk" not in svg


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of network, cell, unit, surprisal, architecture, windows must be given"),
        (["lstm"], "error: SUBJECT must be one of network, cell, unit, surprisal, architecture, windows, but is"),
        (["network", "-o", "picture.png"], "`--output` must name a file that ends in .svg, but is 'picture.png'"),
        (["network", "-o", "no/a.svg"], "must be in a folder that exists"),
        (
            ["network", "a", "b"],
            "`draw network` takes [TEXT], but got 2 arguments\nhint: put a text with spaces in quotes",
        ),
        (["cell", "austen"], "`draw cell` takes RUN_OR_MODEL TEXT, but got 1 argument\nhint: give all of them"),
        (["cell", "austn", "a b"], "did you mean `austen`?"),
        (["cell", "austen", ""], "the text must have 1 to 2,000 words, but has 0"),
        (["cell", "austen", "a", "--word", "x"], "`--word` must be an integer, but is 'x'"),
        (["cell", "austen", "a", "--word", "2"], "`--word` must be from 1 to 1, the number of words, but is 2"),
        (["unit", "austen", "a", "--mark", "416"], "`--mark` must be from 0 to 415, the number of units less 1"),
        (["unit", "austen", "a " * 301], "the text must have 1 to 300 words, but has 301"),
        (["surprisal", "austen", ""], "the text must have 1 to 300 words, but has 0"),
        (["network", "--word", "1"], "`--word` is not for `draw network`\nhint: leave it out"),
        (["architecture", "tutoral"], "hint: name a preset: auto, "),
        (["architecture", "austen", "--vocabulary-size", "9"], "`--vocabulary-size` is for a preset"),
        (["architecture", "tutorial", "--vocabulary-size", "0"], "`vocabulary_size` must be at least 2, but is 0"),
        (["windows", "too few words"], "the picture of windows needs 13 to 1000 words, but the text has 3"),
    ],
)
def test_a_mistake_ends_with_2_and_writes_nothing(
    folder: Path, arguments: list[str], message: str, mistake: Command
) -> None:
    error = mistake("draw", *arguments)
    assert error.startswith("error: ")
    assert message in error
    assert not list(folder.iterdir())
