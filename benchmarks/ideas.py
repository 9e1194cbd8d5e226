"""What each idea is worth: the same short training run with one idea switched off or on in turn.

python benchmarks/ideas.py --seed 0 --seed 1 --runs runs/ideas --json docs/learn/data/ideas.json

This is the bench that decides what becomes a default: a TOML file names the variants (`--variants`), and the file of
results has what each is worth. The same command resumes an interrupted one, in the middle of a run too.

All runs take the same number of steps and not the same number of seconds: the perplexities are then the same on a busy
machine and on an idle one. The seconds are recorded with them. With `--minutes` all runs take the same time instead;
that needs an idle machine.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import click

import nextword
from harness.ideas import IDEAS, REFERENCE, Idea, Results, Variants
from harness.report import provenance, reporting
from nextword.api.trained_model import TrainedModel
from nextword.engine.methods.chain import apply_methods, methods_of
from nextword.engine.methods.method import Splits
from nextword.errors import SettingError
from nextword.inference.evaluation.perplexity import evaluate
from nextword.system.files import write_file
from nextword.text.corpus import Corpus
from nextword.text.sources.find import resolve_source
from nextword.training.report.history import TrainingHistory


@click.command()
@click.argument("names", nargs=-1, metavar="[IDEA]...")
@click.option("--seed", "seeds", type=click.IntRange(0), multiple=True, default=(0,), show_default=True)
@click.option("--corpus", default="austen", show_default=True, help="The text.")
@click.option("--preset", default="quick", show_default=True, help="The reference.")
@click.option("--epochs", type=click.FloatRange(0.001), help="Length of each run.  [default: 2]")
@click.option("--minutes", type=click.FloatRange(0.001), help="Length of each run by the clock, in place of --epochs.")
@click.option("--part", type=click.FloatRange(0.0, 1.0, min_open=True), help="Train on this first part of the text.")
@click.option("--compute-dtype", default="auto", show_default=True, help="Precision of products.")
@click.option("--variants", type=click.Path(path_type=Path, dir_okay=False), default=IDEAS, help="The ideas, as TOML.")
@click.option("--runs", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), required=True)
def ideas(
    names: tuple[str, ...], seeds: tuple[int, ...], variants: Path, runs: Path, json_path: Path, **given: Any
) -> None:
    """Measure each IDEA, or all, and write the results to a file. What the file has is not measured again.

    The file is one JSON object, which `make pictures` draws: the terms, what each idea is worth, and the results.
    """
    with reporting("ideas") as report:
        terms, read = _terms(given), Variants.read(variants)
        terms |= {"settings": read.settings} if read.settings else {}
        chosen, results = read.named(names), Results.open(json_path, terms, read, report.origin["command"])
        corpus = _corpus(terms, runs)
        for idea in chosen:
            for group in [seeds] if idea.is_ensemble else [(seed,) for seed in seeds]:
                if results.has(idea, group[0]) or (idea.is_ensemble and len(group) < 2):
                    continue
                report.say(f"{idea.name}, seed {', '.join(map(str, group))}")
                figure = _measured(idea, group, corpus, terms, runs)
                results.add(figure)
                report.add("result", **figure)
        for row in results.write():
            report.add("worth", **row)


def _terms(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the terms of all runs without those that are not given.

    Raises:
        SettingError: Both lengths are given.
    """
    if given["epochs"] and given["minutes"]:
        raise SettingError("`--epochs` and `--minutes` are two lengths of a run; give one of them")
    length = {} if given["epochs"] or given["minutes"] else {"epochs": 2.0}
    return {name: value for name, value in {**given, **length}.items() if value is not None}


def _corpus(terms: Mapping[str, Any], runs: Path) -> Corpus:
    """Return the text; with `part`, one whose training split ends earlier, with a vocabulary of its own."""
    whole = Corpus.load(terms["corpus"])
    if "part" not in terms:
        return whole
    folder = runs / "text"
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in resolve_source(terms["corpus"], whole.options).parts.items():
        text = part.path.read_bytes()[part.start : part.stop]
        end = text.find(b"\n", int(len(text) * terms["part"])) + 1 if name == "train" else 0
        write_file(folder / f"{name}.txt", text[: end or len(text)])
    return Corpus.load(folder, whole.options)


def _measured(idea: Idea, seeds: Sequence[int], corpus: Corpus, terms: dict[str, Any], runs: Path) -> dict[str, Any]:
    """Return the result of an idea with a seed; of an ensemble, with all seeds.

    Raises:
        SettingError: A method needs the reference of a seed, which was not trained.
    """
    origin, start, speed, tuned = provenance(), time.monotonic(), None, ""
    if idea.needs_training:
        run = runs / f"{idea.name}-{seeds[0]}"
        settings = {"mixture": False, **terms.get("settings", {}), **idea.settings}
        models: list[TrainedModel] = [
            nextword.train(
                corpus,
                preset=terms["preset"],
                epochs=terms.get("epochs"),
                minutes=terms.get("minutes"),
                seed=seeds[0],
                settings={**settings, "compute_dtype": terms["compute_dtype"]},
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
