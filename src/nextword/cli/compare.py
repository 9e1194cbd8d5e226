"""`nextword compare`: predicted against actual words."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nextword.cli.options import OutputFile, bad_bytes_of_splits_option
from nextword.cli.progress import evaluation_progress
from nextword.cli.target import SplitOrAll, Target, engine_option
from nextword.text.options import OnBadBytes
from nextword.text.token_store import TokenStore

if TYPE_CHECKING:
    from nextword.engine.trained_model import TrainedModel

_TUTORIAL_STEPS = 30


@click.command()
@click.argument("run_or_model", type=click.Path(path_type=Path))
@click.argument("text", required=False)
@click.option("--split", type=click.Choice(["train", "valid", "test", "all"]), default="test", show_default=True)
@click.option("--skip", default=40, show_default=True, help="Windows to skip, as in the tutorial.")
@click.option("--words", "num_words", default=10, show_default=True, help="Number of words to show.")
@click.option("--html", type=OutputFile(), help="Write a page to look at longer stretches.")
@click.option("--html-words", default=1000, show_default=True, help="Number of words on the page.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of sample corpora; else NEXTWORD_DATA.")
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
    from nextword.evaluation.comparison import compare as compare_tokens
    from nextword.evaluation.comparison import render_comparison

    target = Target.of(run_or_model, on_bad_bytes=on_bad_bytes)
    model = target.open()
    store = target.load_split(text, split, model, data_dir)
    tokens = compare_tokens(model.engine, store.ids, skip=skip, num_words=num_words, num_steps=_TUTORIAL_STEPS)
    click.echo("\n".join(render_comparison(tokens, model.tokenizer)))
    hits = sum(token.rank == 1 for token in tokens)
    click.echo(f"\n{hits} of {len(tokens)} predicted right")
    if html is not None:
        _write_page(html, model, store, Path(text or target.text or "").name, split, html_words)
        click.echo(f"page: {html}")


def _write_page(
    path: Path, model: "TrainedModel", store: TokenStore, corpus: str, split: SplitOrAll, num_words: int
) -> None:
    from nextword.evaluation.comparison import compare as compare_tokens
    from nextword.evaluation.comparison_page import PageHeading, comparison_page
    from nextword.evaluation.perplexity import evaluate
    from nextword.storage.single_file import write_file

    with evaluation_progress(split, store.num_tokens) as on_progress:
        evaluation = evaluate(model.engine, store.ids, on_progress=on_progress)
    num_words = min(num_words, store.num_tokens)
    tokens = compare_tokens(model.engine, store.ids, skip=0, num_steps=0, num_words=num_words)
    heading = PageHeading(model=model.name, corpus=corpus, split=split)
    write_file(path, comparison_page(tokens, evaluation, model.tokenizer, heading).encode())
