"""`nextword generate`: text that goes on from a prompt."""

from pathlib import Path
from typing import Any

import click

from nextword.cli.settings_options import SettingsCommand, given_tables, settings_options
from nextword.cli.target import Target
from nextword.generation.sampling import SamplingOptions


@settings_options([SamplingOptions])
@click.command(cls=SettingsCommand)
@click.argument("run_or_model", type=click.Path(path_type=Path))
@click.option("--prompt", default="", help="What the text goes on from; the beginning of a text where not given.")
@click.option("--words", "num_tokens", default=100, show_default=True, help="Number of tokens to write.")
@click.option("--stop-at-end", is_flag=True, help="Stop at the end of the line or paragraph.")
@click.pass_context
def generate(
    context: click.Context, /, run_or_model: Path, prompt: str, num_tokens: int, stop_at_end: bool, **_settings: Any
) -> None:
    """Write text, word by word as it comes."""
    from nextword.generation.generator import generate_text

    options = SamplingOptions.from_table(given_tables(context).get(SamplingOptions.group, {}))
    model = Target.of(run_or_model).open()
    pieces = generate_text(
        model.engine, model.tokenizer, prompt, num_tokens=num_tokens, options=options, stop_at_end=stop_at_end
    )
    click.echo(prompt, nl=False)
    for piece in pieces:
        click.echo(_printable(piece), nl=False)
    click.echo()


def _printable(text: str) -> str:
    """Return `text` without anything that a terminal would obey: a vocabulary may come from a stranger."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode("ascii") for c in text)
