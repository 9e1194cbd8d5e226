"""`nextword rescore`: which of a recognizer's hypotheses was said?"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from nextword.cli.options.command import command
from nextword.cli.options.parameter_types import OutputFile, require_unread
from nextword.cli.options.setting_option import Tables, argument, lower_cased, lowercase_option, option
from nextword.cli.options.target import AnswerOptions
from nextword.cli.output.console import waiting
from nextword.cli.output.messages import say, warn, warn_of_unknown_words
from nextword.errors import SettingError, TextError
from nextword.inference.rescoring.nbest import REFERENCE, LineSource, NbestList, NbestReader
from nextword.inference.rescoring.rescorer import ScoredList, score_lists
from nextword.inference.rescoring.rescoring_run import RescoringRun
from nextword.inference.rescoring.tally import References
from nextword.inference.rescoring.weights import RescoringWeights
from nextword.system.files import replacing
from nextword.text.reading.lines import STANDARD_INPUT
from nextword.text.tokens.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class _RescoreOptions(AnswerOptions):
    nbest: str = argument(meaning="a file with the hypotheses of a recognizer")
    tune: bool = option(False, help="Find the weights that are not given: those with the fewest word errors.")
    references: str | None = option(
        None, help="What was said: lines of utterance, tab, text.", metavar="FILE", unset="the field `reference`"
    )
    weights: Path | None = option(None, help="Read the weights that --weights-output wrote.")
    weights_output: Path | None = option(None, help="Write the weights that --tune found.", type=OutputFile())
    scores: str | None = option(
        None, help="Columns with first-pass scores.", metavar="NAME,...", unset="all columns with numbers"
    )
    output: Path | None = option(
        None, "-o", help="Write the hypotheses to this file.", type=OutputFile(), unset="standard output"
    )
    best: bool = option(False, help="Write only the best hypothesis of each utterance.")
    lowercase: bool = lowercase_option()


@command(
    _RescoreOptions,
    RescoringWeights,
    short=["model_weight", "length_weight", "first_pass_weights"],
    examples=[
        "nextword rescore runs/demo dev.tsv --tune --weights-output weights.toml",
        "nextword rescore runs/demo test.tsv --weights weights.toml -o rescored.tsv",
        "nextword rescore runs/demo test.jsonl --best",
    ],
)
def rescore(options: _RescoreOptions, given: Tables) -> None:
    """Reorder the hypotheses of a speech recognizer.

    NBEST is a table with tabs (utterance, text, scores; the first line may name the columns) or JSON Lines with the
    fields `utterance`, `text` and a number for each score. - is standard input. The hypotheses of an utterance follow
    each other, the recognizer's choice first. They are sorted by the weighted sum of the model's log-probability, the
    length and the first-pass scores, and get the fields `log_prob`, `total` and `rank`. If references are known, a
    report follows. With --tune or --json, only the report is printed, and hypotheses are written only to --output.
    """
    _check(options)
    _rescore(options, given.get(RescoringWeights.group, {}))


def _check(options: _RescoreOptions) -> None:
    if options.tune and options.weights:
        raise SettingError("`--weights` and `--tune` must not be given together, but are; leave one out")
    if options.weights_output and not options.tune:
        raise SettingError("`--weights-output` needs `--tune`; add it, or leave `--weights-output` out")
    if options.nbest == options.references == STANDARD_INPUT:
        raise SettingError("lists and references must not both come from standard input, but are both -; name a file")
    read = (options.nbest, options.references, options.weights, options.arpa_file)
    require_unread((options.output, options.weights_output), read)


def _rescore(options: _RescoreOptions, given: dict[str, Any]) -> None:
    names = options.scores.split(",") if options.scores else None
    source = partial(LineSource, on_bad_bytes=options.on_bad_bytes)
    reader = NbestReader(source(options.nbest), score_names=names)
    references = References.read(source(options.references)) if options.references else References()
    is_known = options.references is not None or REFERENCE in reader.format.columns
    if options.tune and not is_known:
        raise SettingError("`--tune` needs what was said, but there is no `reference`; give `--references FILE`")
    run = RescoringRun(reader, references if is_known else None, model_name=options.model_identity)
    run.set_weights(options.weights, given)
    if not (options.tune or options.weights or given):
        run.notes.append("the weights are the defaults; `--tune` finds those of your recognizer")
    model = options.open_model()
    counts: Counter[str] = Counter()
    lists = _counted(reader, model.tokenizer, counts, lowercase=options.lowercase)
    scored: Iterable[ScoredList] = score_lists(model, lists, lowercase=options.lowercase)
    if options.tune:
        with waiting("scoring the hypotheses and tuning the weights"):
            scored = run.tune(scored, given)
    with _writing(options) as write:
        for line in run.lines(scored, best_alone=options.best):
            write(line)
    if options.weights_output:
        run.weights_file().write(options.weights_output)
    warn_of_unknown_words(counts["unknown"], counts["all"], model.tokenizer.vocabulary, lowercase=options.lowercase)
    for note in run.notes:
        warn(note)
    if options.as_json:
        click.echo(json.dumps(run.report().to_table() | {"protocol": model.use or None}, allow_nan=False))
    elif is_known:
        lines = [*run.report().describe(), *([f"({model.use})"] if model.use else [])]
        (click.echo if options.output is not None or options.tune else say)("\n".join(lines))


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
def _writing(options: _RescoreOptions) -> Iterator[Callable[[str], object]]:
    """Give what takes the lines: standard output, or a file that has its name once all are written."""
    if options.output is None:
        yield (lambda _line: None) if options.tune or options.as_json else click.echo
        return
    with replacing(options.output) as temporary, temporary.open("x", encoding="utf-8", newline="\n") as file:
        yield lambda line: file.write(f"{line}\n")
