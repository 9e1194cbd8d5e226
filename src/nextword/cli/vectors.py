"""`nextword vectors`: lines and words as vectors."""

import json
from pathlib import Path

import click

from nextword.bundle.origin import Origin
from nextword.bundle.store import read_bundle
from nextword.cli.options.command import command
from nextword.cli.options.shared import OutputFile, bad_bytes_option, json_option
from nextword.cli.options.target import engine_option, open_origin, run_or_model_argument
from nextword.cli.output.messages import say
from nextword.errors import SettingError
from nextword.inference.scoring.vectors import Pooling, WordVectors, sentence_vectors, write_vectors
from nextword.text.options import OnBadBytes
from nextword.text.reading.input_lines import InputLines

_NEAREST = 10


@command(
    examples=[
        "nextword vectors austen --nearest happy",
        "nextword vectors runs/demo lines.txt -o lines.npy",
        "nextword vectors runs/demo --vocabulary -o words.npz",
    ]
)
@run_or_model_argument
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=OutputFile(),
    help="Write the vectors: .npy, or .npz for words.",
    show_default="none",
)
@click.option(
    "--pooling",
    type=click.Choice(["mean", "last"]),
    help="Vector of a line: the mean of its hidden states, or the last one.",
    show_default="mean",
)
@click.option("--vocabulary", "words", is_flag=True, help="Write the embeddings of all words in the vocabulary.")
@click.option("--nearest", metavar="WORD", help="Show the words nearest to this one.", show_default="none")
@click.option(
    "-k",
    "--top",
    "count",
    type=click.IntRange(1),
    help="Number of nearest words.",
    show_default=str(_NEAREST),
)
@bad_bytes_option
@engine_option
@json_option
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
    """Turn lines or words into vectors.

    Lines come from FILEs, or from standard input if there is none or FILE is -. Both may be packed. Their vectors
    are written as a NumPy array `(N, H)` of float32, in order. With --vocabulary, the file has two arrays: `words`
    `(V,)` and `vectors` `(V, E)`. --nearest prints words by cosine similarity.
    """
    _check(files, output, words=words, nearest=nearest)
    if pooling is not None and (words or nearest is not None):
        raise SettingError("`--pooling` is for lines, but `--vocabulary` or `--nearest` is given; leave it out")
    if nearest is None and count is not None:
        raise SettingError("`--top` needs `--nearest WORD`; add it, or leave `--top` out")
    origin = Origin.of(run_or_model)
    if output is not None and not words:
        lines = InputLines(files, on_bad_bytes=on_bad_bytes)
        shape = write_vectors(output, sentence_vectors(open_origin(origin), lines, pooling=pooling or "mean"))
        _report(output, shape, "the vectors of all lines", as_json=as_json)
        return
    embeddings = WordVectors.of(read_bundle(origin.bundle))
    if output is not None:
        embeddings.save(output)
        _report(output, embeddings.vectors.shape, "the vectors of all words", as_json=as_json)
    elif nearest is not None:
        near = embeddings.nearest(nearest, count or _NEAREST)
        if as_json:
            click.echo(json.dumps({"word": nearest, "nearest": [vars(other) for other in near]}))
            return
        for other in near:
            click.echo(f"{other.cosine:7.3f}  {other.word}")


def _report(output: Path, shape: tuple[int, ...], what: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"output": str(output), "shape": list(shape)}))
    else:
        say(f"{output}: {' x '.join(map(str, shape))}, {what}")


def _check(files: tuple[str, ...], output: Path | None, *, words: bool, nearest: str | None) -> None:
    suffix = ".npz" if words else ".npy"
    if nearest is not None and (words or files or output):
        raise SettingError("`--nearest` does not go with FILE, `--vocabulary` or `--output`; leave them out")
    if words and files:
        raise SettingError("`--vocabulary` does not go with FILE; leave one of them out")
    if nearest is None and (output is None or output.suffix != suffix):
        given = "is not given" if output is None else f"is {str(output)!a}"
        raise SettingError(f"`--output` must name a file that ends in {suffix}, but {given}")
