"""`nextword rescore`: which of a recognizer's hypotheses was said?"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from nextword.bundle.store import identity_of
from nextword.cli.options import OutputFile, Tables, bad_bytes_option, settings_command
from nextword.cli.progress import waiting
from nextword.cli.target import Target, engine_option, run_or_model_argument
from nextword.errors import SettingError
from nextword.rescoring.nbest import REFERENCE, LineSource, NbestReader
from nextword.rescoring.references import References
from nextword.rescoring.rescorer import ScoredList, score_lists
from nextword.rescoring.rescoring_run import RescoringRun
from nextword.rescoring.weights import RescoringWeights
from nextword.storage.single_file import replacing
from nextword.text.input_lines import STANDARD_INPUT
from nextword.text.options import OnBadBytes


class Request(NamedTuple):
    """What was asked for on the command line.

    Attributes:
        nbest: The file with the hypotheses.
        references: The file with what was said.
        scores: The columns that are scores of the first pass, with commas between them.
        tune: Whether the weights are to be found.
        weights: The file that holds them.
        save_weights: Where to put those that were found.
        on_bad_bytes: What to do with bytes that are not UTF-8.
        output: Where to put the hypotheses.
        best: Whether to put out the best alone.
        as_json: Whether the report is JSON.
        given: The weights that were given as flags.
    """

    nbest: str
    references: str | None
    scores: str | None
    tune: bool
    weights: Path | None
    save_weights: Path | None
    on_bad_bytes: OnBadBytes
    output: Path | None
    best: bool
    as_json: bool
    given: dict[str, Any]


@settings_command(RescoringWeights)
@run_or_model_argument
@click.argument("nbest")
@click.option("--tune", is_flag=True, help="Find the weights that are not given, by the word errors they leave here.")
@click.option("--references", metavar="FILE", help="What was said: lines of utterance, tab, text; else `reference`.")
@click.option("--weights", type=click.Path(path_type=Path), help="Take the weights that --save-weights wrote.")
@click.option("--save-weights", type=OutputFile(), help="Write the weights that --tune found.")
@click.option("--scores", metavar="NAME,...", help="Columns that are scores of the first pass; all others are kept.")
@click.option("--output", type=OutputFile(), help="Where the hypotheses go, instead of standard output.")
@click.option("--best", is_flag=True, help="Put out the best hypothesis of each utterance alone.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON object.")
@bad_bytes_option
@engine_option
def rescore(run_or_model: Path, given: Tables, **asked: Any) -> None:
    """Reorder the hypotheses in NBEST by a weighted sum of the model's log-probability, length and first-pass scores.

    NBEST is a table with tabs (utterance, text, scores; a first line may name the columns) or JSON Lines with the
    fields `utterance`, `text` and a number for each score; gzip is fine, and - is standard input. The hypotheses of an
    utterance stand together, the recognizer's own choice first. They come out as they came, the best first, with
    `log_prob`, `total` and `rank`; if references are known, a report follows. With --tune, hypotheses are put out
    only if --output is given.
    """
    request = Request(**asked, given=given.get(RescoringWeights.group, {}))
    _check(request)
    _rescore(Target.of(run_or_model), request)


def _check(request: Request) -> None:
    if request.tune and request.weights:
        raise SettingError("`--weights` must not go with `--tune`, which finds them; leave one out")
    if not (request.tune or request.weights or request.given):
        raise SettingError(
            "weights must be known, for they differ from recognizer to recognizer; find them by `--tune` on lists with "
            "references, or give `--weights FILE` or `--model-weight`"
        )
    if request.save_weights and not request.tune:
        raise SettingError("`--save-weights` must go with `--tune`, but there is none; add it")
    if request.nbest == request.references == STANDARD_INPUT:
        raise SettingError("lists and references must not both come from standard input, but are both -; name a file")
    if request.output and request.save_weights and request.output.resolve() == request.save_weights.resolve():
        raise SettingError(f"`{request.output}` must not be both `--output` and `--save-weights`; name another file")
    read = {path for path in (request.nbest, request.references, request.weights) if path}
    for written in (request.output, request.save_weights):
        if written is not None and any(Path(path).resolve() == written.resolve() for path in read):
            raise SettingError(f"`{written}` must not be written, for it is read; name another file")


def _rescore(target: Target, request: Request) -> None:
    names = request.scores.split(",") if request.scores else None
    source = partial(LineSource, on_bad_bytes=request.on_bad_bytes)
    reader = NbestReader(source(request.nbest), score_names=names)
    references = References.read(source(request.references)) if request.references else References()
    is_known = request.references is not None or REFERENCE in reader.format.columns
    if request.tune and not is_known:
        raise SettingError("`--tune` needs what was said, but there is no `reference`; give `--references FILE`")
    if request.as_json and not is_known:
        raise SettingError(
            "`--json` is for the report, which needs what was said, but there is no `reference`; give "
            "`--references FILE`, or leave it out"
        )
    run = RescoringRun(reader, references if is_known else None, model_name=identity_of(target.bundle))
    run.set_weights(request.weights, request.given)
    model = target.open()
    scored: Iterable[ScoredList] = score_lists(model, reader)
    if request.tune:
        with waiting("scoring the hypotheses and tuning the weights"):
            scored = run.tune(scored, request.given)
    with _writing(request) as write:
        for line in run.lines(scored, best_alone=request.best):
            write(line)
    if request.save_weights:
        run.weights_file().write(request.save_weights)
    for note in run.notes:
        click.echo(f"nextword: {note}", err=True)
    if is_known:
        report = run.report()
        text = json.dumps(report.to_table(), allow_nan=False) if request.as_json else "\n".join(report.describe())
        click.echo(text, err=request.output is None and not request.tune)


@contextmanager
def _writing(request: Request) -> Iterator[Callable[[str], object]]:
    """Give what takes the lines: standard output, or a file that has its name once all are written."""
    if request.output is None:
        yield (lambda _line: None) if request.tune else click.echo
        return
    with replacing(request.output) as temporary, temporary.open("x", encoding="utf-8", newline="\n") as file:
        yield lambda line: file.write(f"{line}\n")
