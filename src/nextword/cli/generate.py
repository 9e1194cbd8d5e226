"""`nextword generate`: text that continues a prompt."""

import json
from itertools import batched
from pathlib import Path
from typing import Any

import click

from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables, given_settings
from nextword.cli.options.shared import bad_bytes_option, json_option
from nextword.cli.options.target import engine_option, open_text_model, run_or_model_argument
from nextword.cli.output.messages import say
from nextword.inference.generation.generated_text import GeneratedText
from nextword.inference.generation.generator import generate_texts, stream_text
from nextword.inference.generation.request import Request, SearchOptions
from nextword.inference.generation.sampling import SamplingOptions
from nextword.text.options import OnBadBytes
from nextword.text.reading.input_lines import InputLines
from nextword.text.reading.printable import printable


@command(
    SamplingOptions,
    SearchOptions,
    short=["temperature", "top_k", "top_p", "seed", "decoding", "beam_size", "best_of"],
    examples=[
        'nextword generate austen "She was"',
        'nextword generate austen "She was" --max-tokens 50 --temperature 1 --seed 1',
        'nextword generate runs/demo "She was" --beam-size 5 --stop-at-end',
    ],
)
@run_or_model_argument
@click.argument("text", default="")
@click.option("-p", "--prompt", default="", help="The same as TEXT.", show_default="start a new text")
@click.option(
    "--prompts", metavar="FILE", help="File with one prompt per line; - is standard input.", show_default="none"
)
@click.option("--max-tokens", type=click.IntRange(1), default=100, help="Number of tokens to write.")
@click.option("--stop-at-end", is_flag=True, help="Stop at the end of the line or paragraph.")
@click.option("--stop", multiple=True, metavar="TEXT", help="Stop before this text.")
@click.option("--forbid", multiple=True, metavar="WORD", help="Never write this word or phrase.")
@click.option("--require", multiple=True, metavar="WORD", help="Write this word or phrase, by beam search.")
@click.option("--batch-size", default=16, type=click.IntRange(min=1), help="Number of prompts to continue in parallel.")
@bad_bytes_option
@engine_option
@json_option
def generate(
    run_or_model: Path,
    text: str,
    prompt: str,
    prompts: str | None,
    batch_size: int,
    as_json: bool,
    on_bad_bytes: OnBadBytes,
    given: Tables,
    **asked: Any,
) -> None:
    """Generate text.

    TEXT is the prompt. The text after it appears word by word. With --json, each prompt gives one line with the text
    and its log-probability.
    """
    sampling, search = given_settings(given, SamplingOptions), given_settings(given, SearchOptions)
    request = Request(sampling=sampling, search=search, **asked)
    if sum(map(bool, (text, prompt, prompts))) > 1:
        raise click.UsageError("TEXT, `--prompt` and `--prompts` must not be given together, but are; give one of them")
    prompt = text or prompt
    lines = [prompt] if prompts is None else InputLines([prompts], on_bad_bytes=on_bad_bytes)
    model = open_text_model(run_or_model)
    if prompts is None and not as_json and not request.is_compared:
        pieces = stream_text(model, prompt, request)
        click.echo(prompt, nl=False)
        for piece in pieces:
            click.echo(_shown(piece), nl=False)
        click.echo()
        return
    for some in batched(lines, batch_size):
        for found in generate_texts(model, some, request):
            _warn(found)
            click.echo(json.dumps(found.to_table()) if as_json else _shown(found.prompt + found.text))


def _warn(text: GeneratedText) -> None:
    if text.missing:
        words = ", ".join(map(repr, text.missing))
        say(
            f"warning: the text after {text.prompt!r} must contain {words}, but none was found that does\n"
            "hint: write more tokens, widen the beam, or forbid and stop less"
        )


def _shown(text: str) -> str:
    return printable(text, keep="\n\t")
