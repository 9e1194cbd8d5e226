"""`nextword suggest`: what comes next?"""

import json
from pathlib import Path

import click

from nextword.cli.target import Target


@click.command()
@click.argument("run_or_model", type=click.Path(path_type=Path))
@click.argument("text", default="")
@click.option("-k", "count", default=5, show_default=True, help="Number of suggestions.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def suggest(run_or_model: Path, text: str, count: int, as_json: bool) -> None:
    """Suggest the words most likely to follow TEXT, with their probabilities."""
    from nextword.suggestion.suggestion import suggest as suggest_words

    model = Target.of(run_or_model).open()
    suggestions = suggest_words(model.engine, model.tokenizer, text, count)
    if as_json:
        click.echo(json.dumps({"text": text, "suggestions": [vars(suggestion) for suggestion in suggestions]}))
        return
    for suggestion in suggestions:
        click.echo(f"{suggestion.probability:7.2%}  {suggestion.text}")
