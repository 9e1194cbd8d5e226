"""`nextword vectors`: lines and words as vectors."""

import json
from pathlib import Path

import click

from nextword.bundle.store import read_bundle
from nextword.cli.options import OutputFile, bad_bytes_option
from nextword.cli.target import Target, engine_option, run_or_model_argument
from nextword.errors import SettingError
from nextword.scoring.vectors import Pooling, WordVectors, sentence_vectors, write_vectors
from nextword.text.input_lines import InputLines
from nextword.text.options import OnBadBytes

_NEAREST = 10


@click.command()
@run_or_model_argument
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("-o", "--output", type=OutputFile(), help="The file to write, .npy or .npz.")
@click.option(
    "--pooling",
    type=click.Choice(["mean", "last"]),
    help="Of a line's hidden states take the mean, or the last.  [default: mean]",
)
@click.option(
    "--vocabulary", "words", is_flag=True, help="Write the embedding of each word in the vocabulary, in place of lines."
)
@click.option("--nearest", metavar="WORD", help="Show the words nearest to this one, in place of lines.")
@click.option("-k", "--top", "count", type=click.IntRange(1), help="Number of nearest words.  [default: 10]")
@click.option("--json", "as_json", is_flag=True, help="Print nearest words as one JSON object.")
@bad_bytes_option
@engine_option
def vectors(
    run_or_model: Path,
    files: tuple[str, ...],
    output: Path | None,
    pooling: Pooling | None,
    words: bool,
    nearest: str | None,
    count: int | None,
    as_json: bool,
    on_bad_bytes: OnBadBytes,
) -> None:
    """Turn lines of FILEs into vectors, or show which words are near one another.

    Lines come from standard input without FILE, or if it is -; either may be packed with gzip. Their vectors are
    written to a NumPy file `(N, H)`, float32, in their order. With --vocabulary the file is an archive of `words`
    `(V,)` and `vectors` `(V, E)`.
    """
    _check(files, output, words=words, nearest=nearest)
    if pooling is not None and (words or nearest is not None):
        raise SettingError("`--pooling` is for lines, but words are asked for; leave it out")
    if nearest is None and (as_json or count is not None):
        raise SettingError("`-k` and `--json` must go with `--nearest`, which was not asked for; leave them out")
    target = Target.of(run_or_model)
    if output is not None and not words:
        lines = InputLines(files, on_bad_bytes=on_bad_bytes)
        shape = write_vectors(output, sentence_vectors(target.open(), lines, pooling=pooling or "mean"))
        click.echo(f"{output}: {shape[0]} x {shape[1]}, the vectors of all lines", err=True)
        return
    embeddings = WordVectors.of(read_bundle(target.bundle))
    if output is not None:
        embeddings.save(output)
        click.echo(f"{output}: {' x '.join(map(str, embeddings.vectors.shape))}, the vectors of all words", err=True)
    elif nearest is not None:
        near = embeddings.nearest(nearest, count or _NEAREST)
        if as_json:
            click.echo(json.dumps({"word": nearest, "nearest": [vars(other) for other in near]}))
            return
        for other in near:
            click.echo(f"{other.cosine:7.3f}  {other.word}")


def _check(files: tuple[str, ...], output: Path | None, *, words: bool, nearest: str | None) -> None:
    suffix = ".npz" if words else ".npy"
    if nearest is not None and (words or files or output):
        raise SettingError("`--nearest` must stand without FILE, `--vocabulary` and `--output`; leave them out")
    if words and files:
        raise SettingError(
            "`--vocabulary` must stand without FILE, since it takes the vocabulary; leave one of them out"
        )
    if nearest is None and (output is None or output.suffix != suffix):
        given = "is not given" if output is None else f"is {str(output)!a}"
        raise SettingError(f"`--output` must name a file that ends in {suffix}, but {given}")
