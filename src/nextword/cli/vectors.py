"""`nextword vectors`: lines and words as vectors."""

import json
from dataclasses import dataclass
from pathlib import Path

import click

from nextword.bundle.origin import Origin
from nextword.bundle.store import read_bundle
from nextword.cli.options.command import command
from nextword.cli.options.parameter_types import OutputFile, require_unread
from nextword.cli.options.setting_option import JsonOptions, argument, bad_bytes_option, option
from nextword.cli.options.target import engine_option, open_origin, run_or_model_argument
from nextword.cli.output.messages import say
from nextword.engine.opening import EngineName
from nextword.errors import SettingError
from nextword.inference.scoring.vectors import Pooling, WordVectors, sentence_vectors, write_vectors
from nextword.text.options import OnBadBytes
from nextword.text.reading.lines import InputLines

_NEAREST = 10


@dataclass(frozen=True, kw_only=True)
class _VectorsOptions(JsonOptions):
    run_or_model: Path = run_or_model_argument()
    files: tuple[str, ...] = argument((), metavar="[FILE]...")
    output: Path | None = option(None, "-o", help="Write the vectors: .npy, or .npz for words.", type=OutputFile())
    pooling: Pooling | None = option(
        None, help="Vector of a line: the mean of its hidden states, or the last one.", unset="mean"
    )
    vocabulary: bool = option(False, help="Write the embeddings of all words in the vocabulary.")
    nearest: str | None = option(None, help="Show the words nearest to this one.", metavar="WORD")
    top: int | None = option(None, "-k", help="Number of nearest words.", at_least=1, unset=str(_NEAREST))
    on_bad_bytes: OnBadBytes = bad_bytes_option()
    engine: EngineName = engine_option()


@command(
    _VectorsOptions,
    examples=[
        "nextword vectors austen --nearest happy",
        "nextword vectors runs/demo lines.txt -o lines.npy",
        "nextword vectors runs/demo --vocabulary -o words.npz",
    ],
)
def vectors(options: _VectorsOptions) -> None:
    """Turn lines or words into vectors.

    Lines come from FILEs, or from standard input if there is none or FILE is -. Both may be packed. Their vectors
    are written as a NumPy array `(N, H)` of float32, in order. With --vocabulary, the file has two arrays: `words`
    `(V,)` and `vectors` `(V, E)`. --nearest prints words by cosine similarity.
    """
    _check(options)
    require_unread((options.output,), options.files)
    output, nearest, as_json = options.output, options.nearest, options.as_json
    origin = Origin.of(options.run_or_model)
    if output is not None and not options.vocabulary:
        lines = InputLines(options.files, on_bad_bytes=options.on_bad_bytes)
        shape = write_vectors(
            output, sentence_vectors(open_origin(origin, "static"), lines, pooling=options.pooling or "mean")
        )
        _report(output, shape, "the vectors of all lines", as_json=as_json)
        return
    embeddings = WordVectors.of(read_bundle(origin.bundle))
    if output is not None:
        embeddings.save(output)
        _report(output, embeddings.vectors.shape, "the vectors of all words", as_json=as_json)
    elif nearest is not None:
        near = embeddings.nearest(nearest, options.top or _NEAREST)
        shown = (f"{other.cosine:7.3f}  {other.word}" for other in near)
        options.show({"word": nearest, "nearest": [vars(other) for other in near]}, "\n".join(shown))


def _report(output: Path, shape: tuple[int, ...], what: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"output": str(output), "shape": list(shape)}))
    else:
        say(f"{output}: {' x '.join(map(str, shape))}, {what}")


def _check(options: _VectorsOptions) -> None:
    words, nearest, output = options.vocabulary, options.nearest, options.output
    suffix = ".npz" if words else ".npy"
    if nearest is not None and (words or options.files or output):
        raise SettingError("`--nearest` does not go with FILE, `--vocabulary` or `--output`; leave them out")
    if words and options.files:
        raise SettingError("`--vocabulary` does not go with FILE; leave one of them out")
    if nearest is None and (output is None or output.suffix != suffix):
        given = "is not given" if output is None else f"is {str(output)!a}"
        raise SettingError(f"`--output` must name a file that ends in {suffix}, but {given}")
    if options.pooling is not None and (words or nearest is not None):
        raise SettingError("`--pooling` is for lines, but `--vocabulary` or `--nearest` is given; leave it out")
    if nearest is None and options.top is not None:
        raise SettingError("`--top` needs `--nearest WORD`; add it, or leave `--top` out")
