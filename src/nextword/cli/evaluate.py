"""`nextword evaluate`: how good is the model?"""

import json
from pathlib import Path

import click

from nextword.cli.evaluation_progress import evaluation_progress
from nextword.cli.target import SplitOrAll, Target


@click.command()
@click.argument("run_or_model", type=click.Path(path_type=Path))
@click.argument("text", required=False)
@click.option("--split", type=click.Choice(["train", "valid", "test", "all"]), default="test", show_default=True)
@click.option(
    "--batch-size",
    default=1,
    show_default=True,
    help="Rows read side by side; 1 is exact, more is faster on long texts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of sample corpora; else NEXTWORD_DATA.")
def evaluate(
    run_or_model: Path, text: str | None, split: SplitOrAll, batch_size: int, as_json: bool, data_dir: Path | None
) -> None:
    """Measure perplexity and accuracy of RUN_OR_MODEL on a split of TEXT.

    TEXT is by default the text that the run was trained on. Every token of the split counts, <eos> included, and each
    is predicted once from all that stands before it.
    """
    from nextword.evaluation.perplexity import evaluate as evaluate_engine

    target = Target.of(run_or_model)
    model = target.open()
    store = target.load_split(text, split, model, data_dir)
    with evaluation_progress(split, store.num_tokens) as on_progress:
        evaluation = evaluate_engine(model.engine, store.ids, batch_size=batch_size, on_progress=on_progress)
    evaluation = evaluation.with_counts(
        num_words=store.num_words,
        num_characters=store.num_characters,
        num_out_of_vocabulary=store.report.num_out_of_vocabulary,
    )
    if as_json:
        table = {"model": model.name, "text": text or target.text, "split": split, **evaluation.to_table()}
        click.echo(json.dumps(table, allow_nan=False))
    else:
        click.echo("\n".join(evaluation.describe()))
