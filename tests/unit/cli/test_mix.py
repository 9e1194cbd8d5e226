"""`nextword mix`: a model that was trained gets another mixture, and loses it again."""

from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest

from nextword.bundle.run_directory import RunDirectory, read_split_metrics
from nextword.bundle.store import read_bundle
from nextword.cli import mix as mix_module
from nextword.engine.mixture.tuning import fitted_mixture
from nextword.engine.opening import open_model
from nextword.engine.stream import token_log_probs
from nextword.text.corpus import Corpus
from support.commands import Command, Json


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    """A finished run that may be changed."""
    return Path(copytree(trained_run, tmp_path / "run"))


@pytest.fixture
def other_text(tmp_path: Path) -> Path:
    """A text of the words that the model knows, in another order."""
    path = tmp_path / "other.txt"
    path.write_text("the mat sat on the cat .\n" * 400, encoding="utf-8")
    return path


def test_another_text_helps_with_itself(run: Path, other_text: Path, tmp_path: Path, json_of: Json) -> None:
    output = tmp_path / "mixed"
    table = json_of("mix", run, other_text, "-o", output)
    assert table["perplexity_as_used"] < 0.5 * table["perplexity"]
    assert table["mixture"]["settings"]["ngram_weight"] > 0.5
    model = open_model(output)
    valid = Corpus.load_split(other_text, "all", model.tokenizer).ids
    assert token_log_probs(model.engine, valid).mean() > token_log_probs(model.network, valid).mean() + 0.5
    assert open_model(run / "model").bundle.is_same_model(model.bundle)
    assert "on the test split of other.txt" in model.bundle.card
    assert "Anyone who has the model can read them." in model.bundle.card


def test_a_mixture_is_taken_out_and_fitted_again(run: Path, other_text: Path, printed: Command) -> None:
    printed("mix", run, other_text)
    with_mixture = read_bundle(run / "model")
    assert with_mixture.mixture is not None
    assert printed("mix", run, "--remove") == f"{run / 'model'}: the network alone now\n"
    without = read_bundle(run / "model")
    assert without.mixture is None
    assert "Mixture" not in without.card
    assert printed("mix", run, "--remove") == f"{run / 'model'}: it had no mixture\n"
    printed("mix", run, other_text)
    again = read_bundle(run / "model")
    assert again.mixture is not None
    assert again.mixture.to_json() == with_mixture.mixture.to_json()
    assert again.card == with_mixture.card


def test_the_text_of_the_run_is_the_default(
    run: Path, small_text: Path, monkeypatch: pytest.MonkeyPatch, json_of: Json
) -> None:
    fitted: list[tuple[Any, Any]] = []

    def seen(engine: Any, train: Any, valid: Any, **others: Any) -> Any:
        fitted.append((np.array(train), np.array(valid)))
        return fitted_mixture(engine, train, valid, **others)

    monkeypatch.setattr(mix_module, "fitted_mixture", seen)
    table = json_of("mix", run)
    assert (table["mixture"] is None) == (read_bundle(run / "model").mixture is None)
    tokenizer = read_bundle(run / "model").tokenizer
    ((train, valid),) = fitted
    assert np.array_equal(train, Corpus.load_split(small_text, "train", tokenizer).ids)
    assert np.array_equal(valid, Corpus.load_split(small_text, "valid", tokenizer).ids)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["austen", "{other}"], "read-only"),
        (["austen", "missing.txt", "-o", "{run}"], "`--output` must be a new directory"),
        (["{run}", "{other}", "--remove"], "leave one of them out"),
        (["{run}/model"], "TEXT must be given"),
        (["{run}", "{run}/missing.txt"], "is not a sample, file or folder"),
    ],
)
def test_mistakes_are_told_and_nothing_is_changed(
    run: Path, other_text: Path, arguments: list[str], message: str, mistake: Command
) -> None:
    before = read_bundle(run / "model").card
    assert message in mistake("mix", *(each.format(run=run, other=other_text) for each in arguments))
    assert read_bundle(run / "model").card == before


def test_metrics_that_cannot_be_read_keep_the_mixture(run: Path, mistake: Command) -> None:
    before = read_bundle(run / "model").card
    (run / "metrics.json").write_text("{", encoding="utf-8")
    assert "metrics.json" in mistake("mix", run, "--remove")
    assert read_bundle(run / "model").card == before


@pytest.mark.parametrize("named", ["", "model"])
def test_a_run_forgets_how_well_its_former_mixture_did(run: Path, named: str, printed: Command) -> None:
    metrics = run / "metrics.json"
    metrics.write_text(
        metrics.read_text("utf-8").replace('"perplexity_as_used": null', '"perplexity_as_used": 5.0'), "utf-8"
    )
    assert any(row.perplexity_as_used == 5.0 for row in read_split_metrics(metrics))
    printed("mix", run / named, "--remove")
    assert not any(row.perplexity_as_used for row in read_split_metrics(metrics))
    assert RunDirectory(run).is_finished
