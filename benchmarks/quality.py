"""The perplexity that nextword and its peers reach in the same minutes, one after the other.

python benchmarks/quality.py PTB_FOLDER --minutes 30 --json quality.json
"""

import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from harness.interpreters import KEPT_MEMORY, interpreter_with, own_interpreter
from harness.process import PROGRAMS, PeerError, Process
from harness.report import json_option, provenance, pytorch_option, read_report, reporting
from nextword.errors import SettingError
from nextword.settings import unknown_name
from nextword.text.corpus import Corpus
from nextword.text.sources.names import SPLITS

_PEERS = ("nextword", "pytorch", "transformer", "mingru", "word_language_model", "tutorial", "kneser_ney")
"""The peers in the order in which they run; the program of each is `peers/quality_NAME.py`."""

_ON_PYTORCH = ("pytorch", "transformer", "mingru", "word_language_model")

_AS_USED = "as used"  # the method of `peers/quality_protocol.py` that is not compared

# For compilation, and for the evaluation afterwards, on a machine that may be slow or busy.
_PATIENCE_SECONDS = 3600.0


@click.command()
@click.argument("text")
@click.option(
    "--minutes", type=click.FloatRange(0.01, 525_600), default=30.0, show_default=True, help="How long each trains."
)
@click.option("--peers", metavar="NAMES", help=f"With commas between them (default: all, {', '.join(_PEERS)}).")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all.")
@click.option("--recipe", metavar="JSON", default="{}", help="Settings of the peers that override their own.")
@click.option("--fresh", is_flag=True, help="Run again what the file has a result of.")
@pytorch_option
@json_option
def quality(
    text: str,
    minutes: float,
    peers: str | None,
    seed: int,
    recipe: str,
    fresh: bool,
    pytorch: str | None,
    json_path: Path | None,
) -> None:
    """Train nextword and its peers on TEXT for the same time each, and compare their perplexities.

    TEXT is a folder with train, valid and test files, or anything else that `nextword train` reads. What the file of
    results has already is not run again.
    """
    with reporting("quality", json_path) as report:
        names = list(_PEERS) if peers in (None, "all") else [name.strip() for name in str(peers).split(",")]
        for name in names:
            if name not in _PEERS:
                raise SettingError(unknown_name("peer", name, [*_PEERS, "all"]))
        settings, corpus = _read_recipe(recipe), Corpus.load(text)
        common = {"minutes": minutes, "seed": seed, "recipe": settings}
        terms = {"corpus": corpus.name, "corpus_sha256": corpus.sha256, **common}
        report.resume(_former(json_path, terms))
        done = set() if fresh else {line["peer"] for line in report.lines if line["kind"] == "result"}
        with tempfile.TemporaryDirectory(prefix="nextword-ids-") as folder:
            task = {
                "minutes": minutes,
                "seed": seed,
                "recipe": settings,
                "text": text,
                **_written(corpus, Path(folder)),
            }
            if settings.get("start") == "counts":
                _write_vectors(corpus, settings.get("width"), seed, Path(folder))
            for name in names:
                if name in done:
                    report.say(f"{name}: done already")
                    continue
                report.say(f"{name}: {minutes:g} minutes")
                with report.missing_on(name):
                    load = {key: report.origin[key] for key in ("load", "is_busy")}  # before the first peer, no other's
                    origin = provenance() | load
                    result = _trained(name, task, pytorch, report.say)
                    report.forget(name)
                    report.add("result", peer=name, **result, terms=terms, **origin)


def _read_recipe(text: str) -> dict[str, Any]:
    try:
        recipe = json.loads(text)
    except ValueError as error:
        raise SettingError(f"`--recipe` must be JSON, but is {text!r} ({error})") from error
    if not isinstance(recipe, dict):
        raise SettingError(f'`--recipe` must be an object such as {{"width": 384}}, but is {text!r}')
    return recipe


def _former(path: Path | None, terms: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lines of the file.

    Raises:
        SettingError: It has something else, or results on other terms.
    """
    lines = read_report(path) if path is not None and path.exists() else []
    others = [line["terms"] for line in lines if line.get("terms", terms) != terms]
    if others:
        raise SettingError(f"`{path}` must have results on the terms {terms}, but has {others[0]}; name another file")
    return lines


def _written(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """Write the ids of a corpus, and return how the programs find them."""
    for split in SPLITS:
        np.save(folder / f"{split}.npy", np.asarray(corpus.split(split).ids))
    tokenizer = corpus.tokenizer
    return {"ids": str(folder), "vocabulary_size": tokenizer.vocabulary_size, "end_id": tokenizer.vocabulary.end_id}


def _write_vectors(corpus: Corpus, width: Any, seed: int, folder: Path) -> None:
    if not isinstance(width, int) or width < 1:
        raise SettingError(f'a `--recipe` with `"start": "counts"` must have a whole `width`, but has {width!r}')
    from nextword.training.step.count_based_initialization import word_vectors  # which imports Keras

    ids, size = corpus.train.ids, corpus.tokenizer.vocabulary_size
    np.save(folder / "vectors.npy", word_vectors(ids, vocabulary_size=size, width=width, seed=seed))


def _trained(name: str, task: dict[str, Any], pytorch: str | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the result of a program, the method with the lowest valid perplexity on top, but not "as used".

    Raises:
        PeerError: It cannot be started, ended, is silent, speaks another protocol, or diverges.
    """
    environment = KEPT_MEMORY if name in _ON_PYTORCH else {"KERAS_BACKEND": "jax"}
    python = interpreter_with("torch", pytorch) if name in _ON_PYTORCH else own_interpreter()
    command = [*python, str(PROGRAMS / f"quality_{name}.py"), json.dumps(task)]
    rounds: list[dict[str, float]] = []
    with Process(command, environment) as process, process.ended_on_error():
        while "round" in (answer := process.answer(60 * task["minutes"] + _PATIENCE_SECONDS)):
            rounds.append(answer["round"])
            say(f"{name}: {', '.join(f'{key} {value:,.4g}' for key, value in answer['round'].items())}")
        result = answer["result"]
        perplexities = result["perplexities"]
        compared = [method for method in perplexities if method != _AS_USED]
        method = min(compared, key=lambda method: perplexities[method]["valid"])
        valid, test = (perplexities[method][split] for split in ("valid", "test"))
    if not math.isfinite(valid) or not math.isfinite(test):
        raise PeerError(f"came to perplexities that are not finite, {perplexities}")
    speed = result["tokens"] / result["seconds"]
    headline = {"valid_perplexity": valid, "test_perplexity": test, "method": method, "words_per_second": speed}
    return {**headline, **result, "rounds": rounds, "environment": environment}


if __name__ == "__main__":
    quality()
