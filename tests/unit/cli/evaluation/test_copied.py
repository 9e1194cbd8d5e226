"""`nextword evaluate --copied` prints what the Python interface returns."""

from dataclasses import asdict
from pathlib import Path

import nextword
from support.commands import Command, Json


def test_copying_is_reported_for_each_column(
    trained_run: Path, small_text: Path, printed: Command, json_of: Json
) -> None:
    asked = ["evaluate", trained_run, "--copied", "--secret", "the cat [sat]", "--max-tokens", "300"]
    table = json_of(*asked)["copied"][0]
    model = nextword.load(trained_run)
    corpus = nextword.Corpus.load(small_text, tokenizer=model.tokenizer)
    found = model.copying(corpus, secrets=["the cat [sat]"], max_tokens=300)
    assert table["generated"]["share"] == found.generated.share > 0.2, "four sentences are known by heart"
    assert table["held_out"]["share"] == found.held_out.share > 0.9
    assert table["exposures"] == [asdict(found.exposures[0])]
    lines = printed(*asked).splitlines()
    assert lines[1].split() == [
        "generated",
        "300",
        f"{found.generated.share:.2%}",
        f"{found.generated.longest}",
        "tokens",
    ]
    assert "secret: rank 1 of 1,024, exposure 10.0 bits: the cat sat" in lines


def test_a_bundle_without_its_text_is_refused(model: Path, small_text: Path, mistake: Command) -> None:
    assert "`--copied` needs the training text" in mistake("evaluate", model, small_text, "--copied")
