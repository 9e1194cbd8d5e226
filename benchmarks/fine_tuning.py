"""What a base is worth: short texts trained from nothing, from a base without training, from a base, and both as used.

python benchmarks/fine_tuning.py --base runs/five --text persuasion.txt --words 30000 --minutes 3 --runs runs/tuning

Each result is a line of JSON. Training reads the first words of the text, validation the tenth as many after them, and
the test the words after those. All arms but `base` have the merged vocabulary, so their perplexities compare; bits per
character, with every word spelled, compare in all.

    nothing     the preset `auto` for the minutes                both        `nothing` on the text of the base too
    base        the base as it is                                start       the base adapted to the text, not trained
    tuned       from the base, for the minutes                   NAME-mixed  the same with n-grams and cache
"""

import itertools
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import click

import nextword
from harness.report import reporting
from nextword import Corpus, TrainedModel

ARMS = ("base", "start", "tuned", "nothing", "both")
_TEST_WORDS = 10_000


def splits_of(text: str, words: int, *, test_words: int = _TEST_WORDS) -> dict[str, str]:
    """Return the splits: the first words, a tenth as many, and the words of the test.

    Example:
        >>> splits_of("a b c d e f g h i j k l m n", 10, test_words=2)
        {'train': 'a b c d e f g h i j', 'valid': 'k', 'test': 'l m'}
    """
    pieces = re.findall(r"\S+\s*", text)
    ends = (0, words, words + words // 10, words + words // 10 + test_words)
    parts = ["".join(pieces[begin:end]).strip() for begin, end in itertools.pairwise(ends)]
    return dict(zip(("train", "valid", "test"), parts, strict=True))


def merged(splits: dict[str, str], base: TrainedModel, *, more: str = "") -> Corpus:
    """Return a text with its words and the words of the base, and the same with `more` text to train on."""
    texts = {name: text.splitlines() for name, text in splits.items()}
    corpus = Corpus.load(texts, base=base.tokenizer)
    if not more:
        return corpus
    return Corpus.load({**texts, "train": [*more.splitlines(), *texts["train"]]}, tokenizer=corpus.tokenizer)


def figures(model: TrainedModel, test: Any, arm: str) -> Iterator[dict[str, Any]]:
    """Yield the figures of a model on a text, as a network and as it is used."""
    methods: dict[str, Literal["static", "mixture"]] = {arm: "static", f"{arm}-mixed": "mixture"}
    for name, method in methods.items():
        result = model.evaluate(test, method=method)
        yield {
            "arm": name,
            "test_perplexity": round(result.perplexity, 2),
            "bits_per_character": round(result.bits_per_character or 0.0, 4),
            "unknown": result.num_out_of_vocabulary,
        }
        if model.bundle.mixture is None:
            return


def trained(arm: str, base: str, corpus: Corpus, run: Path, settings: dict[str, Any]) -> TrainedModel:
    """Train the model of an arm."""
    if arm in ("nothing", "both"):
        settings = {name: value for name, value in settings.items() if name in ("minutes", "epochs", "seed")}
        return nextword.train(corpus, run=run, settings=settings, verbose=0)
    if arm == "start":
        settings = {**{name: value for name, value in settings.items() if name != "minutes"}, "epochs": 0.0}
    return nextword.train(corpus, base=base, run=run, settings=settings, verbose=0)


def facts(run: Path) -> dict[str, Any]:
    """Return how long a run trained."""
    table = json.loads((run / "metrics.json").read_bytes())
    names = ("rounds", "best_round", "epochs", "seconds", "start_perplexity")
    return {name: round(table[name], 2) for name in names if name in table}


@click.command()
@click.option("--base", default="austen", help="Model to start from.")
@click.option("--base-text", type=click.Path(path_type=Path, exists=True), help="Its text, for the arm `both`.")
@click.option("--text", type=click.Path(path_type=Path, exists=True), required=True, help="The text.")
@click.option("--words", type=int, default=30_000, help="Words to train on.")
@click.option("--minutes", type=float, default=3.0, help="Time of each training run.")
@click.option("--epochs", type=float, help="Epochs instead of minutes.")
@click.option("--seed", "seeds", type=int, multiple=True, default=(0,), help="Seed; repeatable.")
@click.option("--arm", "arms", type=click.Choice(ARMS), multiple=True, default=ARMS[:-1], help="Arm; repeatable.")
@click.option("--set", "changes", multiple=True, help="Other settings of training from the base, such as patience=3.")
@click.option("--runs", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the runs.")
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="File for the lines too.")
def fine_tuning(
    base: str, base_text: Path | None, text: Path, words: int, arms: tuple[str, ...], runs: Path, **terms: Any
) -> None:
    """Train each arm with each seed, and print its figures."""
    if "both" in arms and base_text is None:
        raise click.UsageError("`--arm both` needs `--base-text`, the text of the base")
    model, splits = nextword.load(base), splits_of(text.read_text(encoding="utf-8"), words)
    length = {"minutes": terms["minutes"]} if terms["epochs"] is None else {"epochs": terms["epochs"]}
    corpus, test = merged(splits, model), runs / f"{text.stem}-{words}-test.txt"
    runs.mkdir(parents=True, exist_ok=True)
    test.write_text(splits["test"], encoding="utf-8")
    with reporting("fine_tuning", terms["path"]) as report:
        for seed in terms["seeds"]:
            for arm in arms:
                more = base_text.read_text(encoding="utf-8") if arm == "both" and base_text is not None else ""
                read = merged(splits, model, more=more) if more else corpus
                run = runs / "-".join([text.stem, str(words), Path(base).name, arm, str(seed), *terms["changes"]])
                settings = {**length, "seed": seed, **tomllib.loads("\n".join(terms["changes"]))}
                made = model if arm == "base" else trained(arm, base, read, run, settings)
                common = {"text": text.stem, "words": words, "base": Path(base).name, "seed": seed}
                about = {} if arm == "base" else facts(run)
                for line in figures(made, test if arm == "base" else corpus.test, arm):
                    report.add("result", **common, **line, **about, changes=" ".join(terms["changes"]))


if __name__ == "__main__":
    fine_tuning()
