"""`nextword generate`: text that goes on from a prompt."""

import json
from collections.abc import Iterable, Iterator
from itertools import batched
from pathlib import Path
from typing import Any

import click

from nextword.cli.options import SettingsCommand, bad_bytes_option, given_settings, settings_options
from nextword.cli.target import Target, engine_option, run_or_model_argument
from nextword.engine.text_model import TrainedModel
from nextword.generation.batch import generate_texts
from nextword.generation.generated_text import GeneratedText
from nextword.generation.generator import stream_text
from nextword.generation.request import Request, SearchOptions
from nextword.generation.sampling import SamplingOptions
from nextword.text.input_lines import InputLines
from nextword.text.options import OnBadBytes
from nextword.text.printable import printable


@settings_options([SamplingOptions, SearchOptions])
@click.command(cls=SettingsCommand)
@run_or_model_argument
@click.option("--prompt", default="", help="What the text goes on from; the beginning of a text if not given.")
@click.option("--prompts", metavar="FILE", help="A file with a prompt a line, - for standard input; gzip is fine.")
@click.option(
    "--words", "num_tokens", type=click.IntRange(1), default=100, show_default=True, help="Number of tokens to write."
)
@click.option("--stop-at-end", is_flag=True, help="Stop at the end of the line or paragraph.")
@click.option("--stop", multiple=True, metavar="TEXT", help="Stop before this text; may be given several times.")
@click.option("--forbid", multiple=True, metavar="WORD", help="Never write this word or phrase, in any case.")
@click.option("--require", multiple=True, metavar="WORD", help="Write this word or phrase; searched for with a beam.")
@click.option(
    "--batch-size", default=16, show_default=True, type=click.IntRange(min=1), help="Prompts written side by side."
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, a line for each prompt, with the log-probability.")
@bad_bytes_option
@engine_option
@click.pass_context
def generate(
    context: click.Context,
    /,
    run_or_model: Path,
    prompt: str,
    prompts: str | None,
    on_bad_bytes: OnBadBytes,
    **options: Any,
) -> None:
    """Write text, word by word as it comes."""
    request = _request(context, options)
    if prompt and prompts is not None:
        raise click.UsageError("prompts must come from --prompt or from --prompts, but both are given; leave one out")
    given = [prompt] if prompts is None else InputLines([prompts], on_bad_bytes=on_bad_bytes)
    model = Target.of(run_or_model).open()
    if prompts is None and not options["as_json"] and not request.is_compared:
        _stream(model, prompt, request)
        return
    for text in _texts(model, given, request, options["batch_size"]):
        _warn(text)
        click.echo(json.dumps(text.to_table()) if options["as_json"] else _shown(text.prompt + text.text))


def _request(context: click.Context, options: dict[str, Any]) -> Request:
    names = ("num_tokens", "stop_at_end", "stop", "forbid", "require")
    return Request(
        sampling=given_settings(context, SamplingOptions),
        search=given_settings(context, SearchOptions),
        **{name: options[name] for name in names},
    )


def _stream(model: TrainedModel, prompt: str, request: Request) -> None:

    pieces = stream_text(model, prompt, request)
    click.echo(prompt, nl=False)
    for piece in pieces:
        click.echo(_shown(piece), nl=False)
    click.echo()


def _texts(model: TrainedModel, prompts: Iterable[str], request: Request, batch_size: int) -> Iterator[GeneratedText]:

    for some in batched(prompts, batch_size):
        yield from generate_texts(model, some, request)


def _warn(text: GeneratedText) -> None:
    if text.missing:
        words = ", ".join(map(repr, text.missing))
        click.echo(
            f"nextword: the text after {text.prompt!r} must hold {words}, but none was found that does; write more "
            "words, widen the beam, or forbid and stop less",
            err=True,
        )


def _shown(text: str) -> str:
    return printable(text, keep="\n\t")
