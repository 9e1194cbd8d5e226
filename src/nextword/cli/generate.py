"""`nextword generate`: text that continues a prompt."""

import json
from dataclasses import dataclass
from itertools import batched

import click

from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables, argument, given_settings, option
from nextword.cli.options.target import AnswerOptions
from nextword.errors import printable
from nextword.inference.generation.generator import Request, SearchOptions, generate_texts, stream_text
from nextword.inference.generation.sampling import SamplingOptions
from nextword.text.reading.lines import InputLines


@dataclass(frozen=True, kw_only=True)
class _GenerateOptions(AnswerOptions):
    text: str = argument("")
    prompt: str = option("", "-p", help="The same as TEXT.", unset="start a new text")
    prompts: str | None = option(None, help="File with one prompt per line; - is standard input.", metavar="FILE")
    max_tokens: int = option(100, help="Number of tokens to write.", at_least=1)
    stop_at_end: bool = option(False, help="Stop at the end of the line or paragraph.")
    stop: tuple[str, ...] = option((), help="Stop before this text.")
    forbid: tuple[str, ...] = option((), help="Never write this word or phrase.", metavar="WORD")
    batch_size: int = option(16, help="Number of prompts to continue in parallel.", at_least=1)


@command(
    _GenerateOptions,
    SamplingOptions,
    SearchOptions,
    short=["temperature", "top_k", "top_p", "seed", "decoding", "beam_size", "best_of"],
    examples=[
        'nextword generate austen "She was"',
        'nextword generate austen "She was" --max-tokens 50 --temperature 1 --seed 1',
        'nextword generate runs/demo "She was" --beam-size 5 --stop-at-end',
    ],
)
def generate(options: _GenerateOptions, given: Tables) -> None:
    """Generate text.

    TEXT is the prompt. The text after it appears word by word. With --json, each prompt gives one line with the text
    and its log-probability.
    """
    sampling, search = given_settings(given, SamplingOptions), given_settings(given, SearchOptions)
    names = ("max_tokens", "stop_at_end", "stop", "forbid")
    request = Request(sampling=sampling, search=search, **{name: getattr(options, name) for name in names})
    prompts, as_json = options.prompts, options.as_json
    if sum(map(bool, (options.text, options.prompt, prompts))) > 1:
        raise click.UsageError("TEXT, `--prompt` and `--prompts` must not be given together, but are; give one of them")
    prompt = options.text or options.prompt
    lines = [prompt] if prompts is None else InputLines([prompts], on_bad_bytes=options.on_bad_bytes)
    model = options.open_model()
    if prompts is None and not as_json and not request.is_compared:
        pieces = stream_text(model, prompt, request)
        click.echo(_shown(prompt), nl=False)
        piece = prompt
        for piece in pieces:
            click.echo(_shown(piece), nl=False)
        click.echo(nl=not piece.endswith("\n"))
        return
    for some in batched(lines, options.batch_size):
        for text in generate_texts(model, some, request):
            click.echo(json.dumps(text.to_table()) if as_json else _shown(text.prompt + text.text).removesuffix("\n"))


def _shown(text: str) -> str:
    return printable(text, keep="\n\t")
