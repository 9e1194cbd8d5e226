"""What each idea is worth: the same short training run with one idea switched off or on in turn.

python benchmarks/ideas.py --seed 0 --seed 1 --runs runs/ideas --json docs/learn/data/ideas.json

All runs take the same number of steps and not the same number of seconds: the perplexities are then the same on a busy
machine and on an idle one. The seconds are recorded beside them.
"""

import shlex
import sys
from pathlib import Path

import click

from harness.ideas.figure import FigureFile, Terms
from harness.ideas.idea import Idea, ideas_named
from harness.ideas.measurement import Measurement
from nextword.errors import NextwordError, SettingError
from nextword.text.corpus import Corpus


@click.command()
@click.argument("names", nargs=-1, metavar="[IDEA]...")
@click.option("--seed", "seeds", type=click.IntRange(0), multiple=True, default=(0,), show_default=True)
@click.option("--corpus", default="austen", show_default=True, help="The text.")
@click.option("--preset", default="quick", show_default=True, help="The reference.")
@click.option("--epochs", type=click.FloatRange(0.001), default=2.0, show_default=True, help="Length of each run.")
@click.option("--compute-dtype", default="auto", show_default=True, help="Precision of products.")
@click.option("--runs", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the runs.")
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), required=True)
def ideas(
    names: tuple[str, ...],
    seeds: tuple[int, ...],
    corpus: str,
    preset: str,
    epochs: float,
    compute_dtype: str,
    runs: Path,
    json_path: Path,
) -> None:
    """Measure each IDEA, or all, and write the figures to a file. What the file holds is not measured again."""
    try:
        if not json_path.absolute().parent.is_dir():
            raise SettingError(f"`{json_path}` must be in a folder that exists, but is not; create it first")
        terms = Terms(corpus, preset, epochs, compute_dtype)
        command = shlex.join(["python", "benchmarks/ideas.py", *sys.argv[1:]])
        file = FigureFile.open(json_path, terms, command)
        measurement = Measurement(terms, Corpus.load(corpus), runs, lambda line: click.echo(line, err=True))
        for idea in ideas_named(names):
            _measure(idea, seeds, file, measurement)
        file.write()
    except NextwordError as error:
        click.echo(f"ideas: {error}", err=True)
        sys.exit(error.exit_code)


def _measure(idea: Idea, seeds: tuple[int, ...], file: FigureFile, measurement: Measurement) -> None:
    """Measure an idea with each seed that the file lacks; an ensemble once, if there are several seeds."""
    groups = [seeds] if idea.is_ensemble else [(seed,) for seed in seeds]
    for group in groups:
        if file.holds(idea.name, group[0]) or (idea.is_ensemble and len(group) < 2):
            continue
        figure = measurement.measure(idea, group)
        file.add(figure)
        click.echo(
            f"{figure.idea:26} seed {figure.seed}  valid {figure.valid_perplexity:7.2f}  "
            f"test {figure.test_perplexity:7.2f}  {figure.seconds:6.1f} s"
        )


if __name__ == "__main__":
    ideas()
