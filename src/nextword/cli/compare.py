"""`nextword compare`: predicted against actual words."""

from pathlib import Path

import click

from nextword.cli.options import OutputFile, bad_bytes_of_splits_option, data_dir_option
from nextword.cli.progress import evaluation_progress
from nextword.cli.target import SplitOrAll, Target, engine_option, run_or_model_argument, split_option
from nextword.cli.target_text import TargetText
from nextword.evaluation.comparison import compare as compare_tokens
from nextword.evaluation.comparison import render_comparison
from nextword.evaluation.comparison_page import comparison_page
from nextword.evaluation.perplexity import evaluate
from nextword.storage.single_file import write_file
from nextword.text.options import OnBadBytes

_TUTORIAL_STEPS = 30


@click.command()
@run_or_model_argument
@click.argument("text", required=False)
@split_option
@click.option("--skip", default=40, show_default=True, help="Windows to skip, as in the tutorial.")
@click.option("--max-tokens", "num_words", default=10, show_default=True, help="Number of words to show.")
@click.option("-o", "--output", "html", type=OutputFile(), help="Write a page to look at longer stretches.")
@click.option("--page-tokens", "html_words", default=1000, show_default=True, help="Number of words on the page.")
@data_dir_option
@bad_bytes_of_splits_option
@engine_option
def compare(
    run_or_model: Path,
    text: str | None,
    split: SplitOrAll,
    skip: int,
    num_words: int,
    html: Path | None,
    html_words: int,
    data_dir: Path | None,
    on_bad_bytes: OnBadBytes | None,
) -> None:
    """Show actual words beside the ones that RUN_OR_MODEL predicted.

    The words are those of the tutorial: with --skip 40, the 71st of the split and the ones after it. A word's rank is
    its place among all the model's guesses, 1 the first; its surprisal is in bits.
    """
    read = TargetText(Target.of(run_or_model), text, data_dir, on_bad_bytes)
    model = read.target.open()
    store = read.load(split, model.tokenizer)
    tokens = compare_tokens(model.engine, store.ids, skip=skip, num_words=num_words, num_steps=_TUTORIAL_STEPS)
    click.echo("\n".join(render_comparison(tokens, model.tokenizer)))
    hits = sum(token.rank == 1 for token in tokens)
    click.echo(f"\n{hits} of {len(tokens)} predicted right")
    if html is not None:
        with evaluation_progress(split, store.num_tokens) as on_progress:
            evaluation = evaluate(model.engine, store.ids, on_progress=on_progress)
        num_words = min(html_words, store.num_tokens)
        tokens = compare_tokens(model.engine, store.ids, skip=0, num_steps=0, num_words=num_words)
        page = comparison_page(tokens, evaluation, model.tokenizer, model=model.name, corpus=read.name, split=split)
        write_file(html, page.encode())
        click.echo(f"page: {html}")
