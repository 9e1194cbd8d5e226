"""`nextword export`: a model that runs without a training framework."""

import json
from pathlib import Path

import click

from nextword.bundle.bundle import Bundle
from nextword.cli.command import command
from nextword.cli.options import bad_bytes_of_splits_option, data_dir_option, json_option
from nextword.cli.output import say
from nextword.cli.setting_option import Tables, given_settings
from nextword.cli.target import SplitOrAll, Target, run_or_model_argument
from nextword.cli.target_text import TargetText
from nextword.errors import MissingExtraError, SettingError
from nextword.export.export_options import ExportOptions
from nextword.text.options import OnBadBytes

_SPLIT: SplitOrAll = "valid"


@command(
    ExportOptions,
    examples=[
        "nextword export runs/demo",
        "nextword export runs/demo --int8",
        "nextword export runs/demo --int8 --slim -o demo-small",
    ],
)
@run_or_model_argument
@click.argument("text", required=False)
@click.option(
    "--split",
    type=click.Choice(["train", "valid", "test", "all"]),
    help="Split of the text to measure the perplexity on.",
    show_default=_SPLIT,
)
@click.option(
    "--keras-output",
    "keras_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a .keras file too.",
    show_default="none",
)
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the exported model to this new directory.",
    show_default="RUN_OR_MODEL itself",
)
@data_dir_option
@bad_bytes_of_splits_option
@json_option
def export(
    run_or_model: Path,
    text: str | None,
    split: SplitOrAll | None,
    keras_path: Path | None,
    output: Path | None,
    data_dir: Path | None,
    on_bad_bytes: OnBadBytes | None,
    as_json: bool,
    given: Tables,
) -> None:
    """Make a model run without a training framework.

    The command adds model.onnx to the model, after it has compared the two. onnxruntime runs it. With --output, the
    result is a new directory instead. With --int8, the
    perplexity on TEXT (default: the text of the run) is measured before and after, and goes into the model card.
    """
    options = given_settings(given, ExportOptions)
    if split is not None and text is None and not options.int8:
        raise SettingError("`--split` needs a TEXT to measure the perplexity on; name one, or leave it out")
    if "max_loss_percent" in given.get(ExportOptions.group, {}) and not options.int8:
        raise SettingError("`--max-loss-percent` needs `--int8`; add it, or leave `--max-loss-percent` out")
    read = TargetText(Target.of(run_or_model), text, data_dir, on_bad_bytes)
    try:
        from nextword.export.export import NamedText, export_bundle
    except ImportError as error:
        need = "exporting needs Keras, JAX, onnx and onnxruntime"
        raise MissingExtraError.of(need, error.name, "train") from error

    def tried(bundle: Bundle) -> NamedText:
        named = split or _SPLIT
        return NamedText(f"{read.name}, {named}", read.load(named, bundle.tokenizer).ids)

    report = export_bundle(
        read.target.bundle,
        options,
        output=output,
        text=tried if options.int8 or text is not None else None,
        keras_path=keras_path,
        say=lambda what: say(f"{what} ..."),
    )
    if as_json:
        click.echo(json.dumps({"model": str(output or read.target.bundle), **report.to_table()}, allow_nan=False))
        return
    click.echo("\n".join(report.sentences()))
    click.echo(f"\nmodel: {output or read.target.bundle}" + (f"\nKeras: {keras_path}" if keras_path else ""))
