"""What each idea is worth: the same short training run with one idea switched off or on in turn.

python benchmarks/ideas.py --seed 0 --seed 1 --runs runs/ideas --json docs/learn/data/ideas.json

All runs take the same number of steps and not the same number of seconds: the perplexities are then the same on a busy
machine and on an idle one. The seconds are recorded with them.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import click

import nextword
from harness.ideas import IDEAS, REFERENCE, Idea, ideas_named, worths
from harness.report import provenance, reporting
from nextword.api.trained_model import TrainedModel
from nextword.disk.files import write_file
from nextword.engine.methods.chain import apply_methods, methods_of
from nextword.engine.methods.method import Splits
from nextword.errors import SettingError
from nextword.inference.evaluation.perplexity import evaluate
from nextword.text.corpus import Corpus
from nextword.training.report.history import TrainingHistory


@click.command()
@click.argument("names", nargs=-1, metavar="[IDEA]...")
@click.option("--seed", "seeds", type=click.IntRange(0), multiple=True, default=(0,), show_default=True)
@click.option("--corpus", default="austen", show_default=True, help="The text.")
@click.option("--preset", default="quick", show_default=True, help="The reference.")
@click.option("--epochs", type=click.FloatRange(0.001), default=2.0, show_default=True, help="Length of each run.")
@click.option("--compute-dtype", default="auto", show_default=True, help="Precision of products.")
@click.option("--runs", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), required=True)
def ideas(names: tuple[str, ...], seeds: tuple[int, ...], runs: Path, json_path: Path, **terms: Any) -> None:
    """Measure each IDEA, or all, and write the results to a file. What the file has is not measured again.

    The file is one JSON object, which `make pictures` draws: the terms, what each idea is worth, and the results.
    """
    with reporting("ideas") as report:
        chosen, figures = ideas_named(names), _former(json_path, terms)
        corpus, command = Corpus.load(terms["corpus"]), report.origin["command"]
        for idea in chosen:
            for group in [seeds] if idea.is_ensemble else [(seed,) for seed in seeds]:
                held = any((figure["idea"], figure["seed"]) == (idea.name, group[0]) for figure in figures)
                if held or (idea.is_ensemble and len(group) < 2):
                    continue
                report.say(f"{idea.name}, seed {', '.join(map(str, group))}")
                figures.append(_measured(idea, group, corpus, terms, runs))
                report.add("result", **figures[-1])
                _write(json_path, terms, command, figures)
        _write(json_path, terms, command, figures)
        for row in worths(figures):
            report.add("worth", **row)


def _former(path: Path, terms: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the results in a file, none if it does not exist.

    Raises:
        SettingError: It has something else, or results on other terms, or its folder does not exist.
    """
    if not path.absolute().parent.is_dir():
        raise SettingError(f"`{path}` must be in a folder that exists, but is not; create it first")
    if not path.exists():
        return []
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        former, figures = table["terms"], list(table["figures"])
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(f"`{path}` must have results of ideas, but does not ({error}); name another") from error
    if former != terms:
        raise SettingError(f"`{path}` must have results on the terms {terms}, but has {former}; name another")
    return figures


def _write(path: Path, terms: dict[str, Any], command: str, figures: Sequence[Mapping[str, Any]]) -> None:
    order = list(IDEAS)
    ordered = sorted(figures, key=lambda figure: (order.index(figure["idea"]), figure["seed"]))
    table = {"terms": terms, "command": command, "worth": worths(ordered), "figures": ordered}
    write_file(path, json.dumps(table, indent=1, allow_nan=False).encode() + b"\n")


def _measured(idea: Idea, seeds: Sequence[int], corpus: Corpus, terms: dict[str, Any], runs: Path) -> dict[str, Any]:
    """Return the result of an idea with a seed; of an ensemble, with all seeds.

    Raises:
        SettingError: A method needs the reference of a seed, which was not trained.
    """
    origin, start, speed, tuned = provenance(), time.monotonic(), None, ""
    if idea.needs_training:
        run = runs / f"{idea.name}-{seeds[0]}"
        settings = {**idea.settings, "compute_dtype": terms["compute_dtype"]}
        models: list[TrainedModel] = [
            nextword.train(
                corpus,
                preset=terms["preset"],
                epochs=terms["epochs"],
                seed=seeds[0],
                settings=settings,
                run=run,
                verbose=0,
            )
        ]
        history = models[0].history or TrainingHistory(())
        seconds, speed = history[-1].seconds, round(fmean(record.words_per_second for record in history))
        splits = (corpus.valid, corpus.test)
        valid, test = (models[0].evaluate(split, methods="static").perplexity for split in splits)
    else:
        models = [_reference(runs / f"{REFERENCE}-{seed}") for seed in seeds]
        read = Splits(train=lambda: corpus.train.ids, valid=lambda: corpus.valid.ids)
        applied = apply_methods(models, methods_of(idea.methods), {}, read, tune=True)
        valid, test = (evaluate(applied.model.engine, split.ids).perplexity for split in (corpus.valid, corpus.test))
        seconds, tuned = time.monotonic() - start, applied.description
    return {
        "idea": idea.name,
        "seed": seeds[0],
        "valid_perplexity": round(valid, 2),
        "test_perplexity": round(test, 2),
        "seconds": round(seconds, 1),
        "words_per_second": speed,
        "parameters": sum(model.bundle.architecture.num_parameters for model in models),
        **{name: origin[name] for name in ("commit", "processor", "load", "date")},
        "tuned": tuned,
    }


def _reference(run: Path) -> TrainedModel:
    if not (run / "model").is_dir():
        raise SettingError(f"`{run}` must have the reference, but does not; measure `{REFERENCE}` with this seed first")
    return nextword.load(run, engine="keras")


if __name__ == "__main__":
    ideas()
