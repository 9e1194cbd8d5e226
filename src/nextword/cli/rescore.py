"""`nextword rescore`: which of a recognizer's hypotheses was said?"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables
from nextword.cli.options.shared import OutputFile, bad_bytes_option, json_option, lowercase_option
from nextword.cli.options.target import engine_option, identity_at, open_text_model, run_or_model_argument
from nextword.cli.output.messages import say
from nextword.cli.output.progress import waiting
from nextword.cli.unknown_words import lower_cased, warn_of_unknown_words
from nextword.disk.files import replacing
from nextword.errors import SettingError, TextError
from nextword.inference.rescoring.nbest import REFERENCE, LineSource, NbestList, NbestReader
from nextword.inference.rescoring.rescorer import ScoredList, score_lists
from nextword.inference.rescoring.rescoring_run import RescoringRun
from nextword.inference.rescoring.tally import References
from nextword.inference.rescoring.weights import RescoringWeights
from nextword.text.options import OnBadBytes
from nextword.text.reading.input_lines import STANDARD_INPUT
from nextword.text.tokens.tokenizer import Tokenizer


class Request(NamedTuple):
    """The arguments of the command line.

    Attributes:
        nbest: The file with the hypotheses.
        references: The file with what was said.
        scores: The columns with first-pass scores, separated by commas.
        tune: Whether to find the weights.
        weights: The file with the weights.
        weights_output: Where to write tuned weights.
        on_bad_bytes: What to do with bytes that are not UTF-8.
        output: Where to write the hypotheses.
        best: Whether to write only the best hypothesis.
        as_json: Whether the report is JSON.
        lowercase: Whether the model reads the hypotheses in lower case.
        given: The weights from flags.
    """

    nbest: str
    references: str | None
    scores: str | None
    tune: bool
    weights: Path | None
    weights_output: Path | None
    on_bad_bytes: OnBadBytes
    output: Path | None
    best: bool
    as_json: bool
    lowercase: bool
    given: dict[str, Any]


@command(
    RescoringWeights,
    short=["model_weight", "length_weight", "first_pass_weights"],
    examples=[
        "nextword rescore runs/demo dev.tsv --tune --weights-output weights.toml",
        "nextword rescore runs/demo test.tsv --weights weights.toml -o rescored.tsv",
        "nextword rescore runs/demo test.jsonl --best",
    ],
)
@run_or_model_argument
@click.argument("nbest")
@click.option("--tune", is_flag=True, help="Find the weights that are not given: those with the fewest word errors.")
@click.option(
    "--references",
    metavar="FILE",
    help="What was said: lines of utterance, tab, text.",
    show_default="the field `reference`",
)
@click.option(
    "--weights",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Read the weights that --weights-output wrote.",
    show_default="none",
)
@click.option(
    "--weights-output",
    metavar="FILE",
    type=OutputFile(),
    help="Write the weights that --tune found.",
    show_default="none",
)
@click.option(
    "--scores", metavar="NAME,...", help="Columns with first-pass scores.", show_default="all columns with numbers"
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=OutputFile(),
    help="Write the hypotheses to this file.",
    show_default="standard output",
)
@click.option("--best", is_flag=True, help="Write only the best hypothesis of each utterance.")
@lowercase_option
@bad_bytes_option
@engine_option
@json_option
def rescore(run_or_model: Path, given: Tables, **asked: Any) -> None:
    """Reorder the hypotheses of a speech recognizer.

    NBEST is a table with tabs (utterance, text, scores; the first line may name the columns) or JSON Lines with the
    fields `utterance`, `text` and a number for each score. - is standard input. The hypotheses of an utterance follow
    each other, the recognizer's choice first. They are sorted by the weighted sum of the model's log-probability, the
    length and the first-pass scores, and get the fields `log_prob`, `total` and `rank`. If references are known, a
    report follows. With --tune or --json, only the report is printed, and hypotheses are written only to --output.
    """
    request = Request(**asked, given=given.get(RescoringWeights.group, {}))
    _check(request)
    _rescore(run_or_model, request)


def _check(request: Request) -> None:
    if request.tune and request.weights:
        raise SettingError("`--weights` and `--tune` must not be given together, but are; leave one out")
    if request.weights_output and not request.tune:
        raise SettingError("`--weights-output` needs `--tune`; add it, or leave `--weights-output` out")
    if request.nbest == request.references == STANDARD_INPUT:
        raise SettingError("lists and references must not both come from standard input, but are both -; name a file")
    if request.output and request.weights_output and request.output.resolve() == request.weights_output.resolve():
        raise SettingError(f"`{request.output}` must not be both `--output` and `--weights-output`; name another file")
    read = {path for path in (request.nbest, request.references, request.weights) if path}
    for written in (request.output, request.weights_output):
        if written is not None and any(Path(path).resolve() == written.resolve() for path in read):
            raise SettingError(f"`{written}` must not be overwritten, because it is read; name another file")


def _rescore(path: Path, request: Request) -> None:
    names = request.scores.split(",") if request.scores else None
    source = partial(LineSource, on_bad_bytes=request.on_bad_bytes)
    reader = NbestReader(source(request.nbest), score_names=names)
    references = References.read(source(request.references)) if request.references else References()
    is_known = request.references is not None or REFERENCE in reader.format.columns
    if request.tune and not is_known:
        raise SettingError("`--tune` needs what was said, but there is no `reference`; give `--references FILE`")
    run = RescoringRun(reader, references if is_known else None, model_name=identity_at(path))
    run.set_weights(request.weights, request.given)
    if not (request.tune or request.weights or request.given):
        run.notes.append("the weights are the defaults; `--tune` finds those of your recognizer")
    model = open_text_model(path)
    counts: Counter[str] = Counter()
    lists = _counted(reader, model.tokenizer, counts, lowercase=request.lowercase)
    scored: Iterable[ScoredList] = score_lists(model, lists, lowercase=request.lowercase)
    if request.tune:
        with waiting("scoring the hypotheses and tuning the weights"):
            scored = run.tune(scored, request.given)
    with _writing(request) as write:
        for line in run.lines(scored, best_alone=request.best):
            write(line)
    if request.weights_output:
        run.weights_file().write(request.weights_output)
    warn_of_unknown_words(counts["unknown"], counts["all"], model.tokenizer.vocabulary, lowercase=request.lowercase)
    for note in run.notes:
        say(f"warning: {note}")
    if request.as_json:
        click.echo(json.dumps(run.report().to_table(), allow_nan=False))
    elif is_known:
        (click.echo if request.output is not None or request.tune else say)("\n".join(run.report().describe()))


def _counted(
    lists: Iterable[NbestList], tokenizer: Tokenizer, counts: Counter[str], *, lowercase: bool
) -> Iterator[NbestList]:
    """Yield lists, and count all and unknown tokens of their first hypotheses."""
    for nbest in lists:
        yield nbest
        with suppress(TextError):  # scoring has named the utterance
            ids = tokenizer.encode("".join(lower_cased([nbest.hypotheses[0].text], lowercase=lowercase)))
            counts.update(all=len(ids), unknown=ids.count(tokenizer.vocabulary.unknown_id))


@contextmanager
def _writing(request: Request) -> Iterator[Callable[[str], object]]:
    """Give what takes the lines: standard output, or a file that has its name once all are written."""
    if request.output is None:
        yield (lambda _line: None) if request.tune or request.as_json else click.echo
        return
    with replacing(request.output) as temporary, temporary.open("x", encoding="utf-8", newline="\n") as file:
        yield lambda line: file.write(f"{line}\n")
