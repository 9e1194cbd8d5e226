"""What more text is worth: the preset `quick` on the first eighth, quarter and half of Austen, and on all of it.

python benchmarks/text_size.py --runs runs/text-size --json docs/learn/data/text-size.json

All runs have the same seed and settings, two epochs, the vocabulary of the whole text and the same test split.
"""

import json
from pathlib import Path
from typing import Any

import click

import nextword
from harness.report import provenance
from nextword.system.files import write_file
from nextword.text.reading.reader import TextRange
from nextword.text.sources.samples import sample_path
from nextword.text.sources.split import split_whole

EPOCHS, PARTS = 2, (8, 4, 2, 1)


def first_part(train: str, part: int) -> str:
    """Return the first lines of a text, about one `part`-th of its characters."""
    return train[: train.find("\n", len(train) // part - 1) + 1] if part > 1 else train


def measured(splits: dict[str, str], part: int, runs: Path) -> dict[str, Any]:
    """Train on the first `part`-th of the training split; return perplexities of the best round on valid and test."""
    whole = nextword.Corpus.load("austen")
    texts = {**splits, "train": first_part(splits["train"], part)}
    corpus = nextword.Corpus.load({name: text.splitlines() for name, text in texts.items()}, tokenizer=whole.tokenizer)
    run = runs / f"part-{part}"
    settings = {"mixture": False}
    model = nextword.train(corpus, preset="quick", epochs=EPOCHS, seed=0, settings=settings, run=run, verbose=0)
    history = model.history
    assert history is not None  # noqa: S101 - a model that was just trained has one
    best = history.best
    return {
        "part": part,
        "train_tokens": corpus.train.num_tokens,
        "steps": history[-1].step,
        "valid_perplexity": round(best.valid_perplexity, 2),
        "test_perplexity": round(model.evaluate(corpus.test).perplexity, 2),
    }


@click.command()
@click.option("--runs", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the runs.")
@click.option("--json", "path", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write.")
def text_size(runs: Path, path: Path) -> None:
    """Train on each part of the text, and write the results to a file."""
    sample = sample_path("austen")
    ranges, _ = split_whole(TextRange.whole(sample), 0.05, 0.05, "Austen")
    content = sample.read_bytes()
    splits = {str(name): content[part.start : part.stop].decode() for name, part in ranges.items()}
    rows = []
    for part in PARTS:
        rows.append(measured(splits, part, runs))
        click.echo(rows[-1])
    table = {"command": f"python benchmarks/text_size.py --runs {runs} --json {path}", **provenance(), "rows": rows}
    write_file(path, json.dumps(table, indent=1).encode() + b"\n")


if __name__ == "__main__":
    text_size()
