"""`nextword generate`: text that goes on from a prompt."""

import json
from itertools import batched
from pathlib import Path
from typing import Any

import click

from nextword.cli.options import Tables, bad_bytes_option, given_settings, settings_command
from nextword.cli.target import Target, engine_option, run_or_model_argument
from nextword.generation.batch import generate_texts
from nextword.generation.generated_text import GeneratedText
from nextword.generation.generator import stream_text
from nextword.generation.request import Request, SearchOptions
from nextword.generation.sampling import SamplingOptions
from nextword.text.input_lines import InputLines
from nextword.text.options import OnBadBytes
from nextword.text.printable import printable


@settings_command(SamplingOptions, SearchOptions)
@run_or_model_argument
@click.option("-p", "--prompt", default="", help="What the text goes on from; the beginning of a text if not given.")
@click.option("--prompts", metavar="FILE", help="A file with a prompt a line, - for standard input; gzip is fine.")
@click.option("--max-tokens", type=click.IntRange(1), default=100, show_default=True, help="Number of tokens to write.")
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
def generate(
    run_or_model: Path,
    prompt: str,
    prompts: str | None,
    batch_size: int,
    as_json: bool,
    on_bad_bytes: OnBadBytes,
    given: Tables,
    **asked: Any,
) -> None:
    """Write text, word by word as it comes."""
    sampling, search = given_settings(given, SamplingOptions), given_settings(given, SearchOptions)
    request = Request(sampling=sampling, search=search, **asked)
    if prompt and prompts is not None:
        raise click.UsageError("prompts must come from --prompt or from --prompts, but both are given; leave one out")
    lines = [prompt] if prompts is None else InputLines([prompts], on_bad_bytes=on_bad_bytes)
    model = Target.of(run_or_model).open()
    if prompts is None and not as_json and not request.is_compared:
        pieces = stream_text(model, prompt, request)
        click.echo(prompt, nl=False)
        for piece in pieces:
            click.echo(_shown(piece), nl=False)
        click.echo()
        return
    for some in batched(lines, batch_size):
        for text in generate_texts(model, some, request):
            _warn(text)
            click.echo(json.dumps(text.to_table()) if as_json else _shown(text.prompt + text.text))


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
