"""`nextword export`: a model that runs without a training framework."""

from pathlib import Path

import click

from nextword.bundle.bundle import Bundle
from nextword.cli.options import Tables, bad_bytes_of_splits_option, data_dir_option, given_settings, settings_command
from nextword.cli.target import SplitOrAll, Target, run_or_model_argument
from nextword.cli.target_text import TargetText
from nextword.errors import MissingExtraError, SettingError
from nextword.export.export_options import ExportOptions
from nextword.text.options import OnBadBytes

_SPLIT: SplitOrAll = "valid"


@settings_command(ExportOptions)
@run_or_model_argument
@click.argument("text", required=False)
@click.option(
    "--split",
    type=click.Choice(["train", "valid", "test", "all"]),
    help="The split of TEXT on which int8 is measured.  [default: valid]",
)
@click.option("--keras", "keras_path", type=click.Path(path_type=Path), help="Write a .keras file there as well.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the exported model to this new directory; RUN_OR_MODEL stays as it is.",
)
@data_dir_option
@bad_bytes_of_splits_option
def export(
    run_or_model: Path,
    text: str | None,
    split: SplitOrAll | None,
    keras_path: Path | None,
    output: Path | None,
    data_dir: Path | None,
    on_bad_bytes: OnBadBytes | None,
    given: Tables,
) -> None:
    """Add model.onnx to a model, so that it runs by onnxruntime alone.

    It is compared with the model before it is kept. With --int8, the perplexity of a split of TEXT, by default of the
    text that the run was trained on, is measured before and after, and both stand in the model card.
    """
    options = given_settings(given, ExportOptions)
    if split is not None and text is None and not options.int8:
        raise SettingError("`--split` is of a text on which the model is tried, but there is none; name TEXT")
    if "max_loss_percent" in given.get(ExportOptions.group, {}) and not options.int8:
        raise SettingError("`--max-loss-percent` is what `--int8` may cost, which was not asked for; ask for it")
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
        say=lambda what: click.echo(f"{what} ...", err=True),
    )
    click.echo("\n".join(report.sentences()))
    click.echo(f"\nmodel: {output or read.target.bundle}" + (f"\nKeras: {keras_path}" if keras_path else ""))
