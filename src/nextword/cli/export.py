"""`nextword export`: a model that runs without a training framework."""

from pathlib import Path
from typing import Any

import click

from nextword.bundle.bundle import Bundle
from nextword.cli.options import (
    SettingsCommand,
    bad_bytes_of_splits_option,
    given_settings,
    given_tables,
    settings_options,
)
from nextword.cli.target import SplitOrAll, Target, data_dir_option, run_or_model_argument
from nextword.cli.target_text import load_split
from nextword.errors import MissingExtraError, SettingError
from nextword.export.export_options import ExportOptions
from nextword.text.options import OnBadBytes

_SPLIT: SplitOrAll = "valid"


@settings_options([ExportOptions])
@click.command(cls=SettingsCommand)
@run_or_model_argument
@click.argument("text", required=False)
@click.option(
    "--split",
    type=click.Choice(["train", "valid", "test", "all"]),
    help="The split of TEXT on which int8 is measured.  [default: valid]",
)
@click.option("--keras", "keras_path", type=click.Path(path_type=Path), help="Write a .keras file there as well.")
@data_dir_option
@bad_bytes_of_splits_option
@click.pass_context
def export(
    context: click.Context,
    /,
    run_or_model: Path,
    text: str | None,
    split: SplitOrAll | None,
    keras_path: Path | None,
    data_dir: Path | None,
    on_bad_bytes: OnBadBytes | None,
    **_settings: Any,
) -> None:
    """Add model.onnx to a model, so that it runs by onnxruntime alone.

    It is compared with the model before it is kept. With --int8, the perplexity of a split of TEXT, by default of the
    text that the run was trained on, is measured before and after, and both stand in the model card.
    """
    options = given_settings(context, ExportOptions)
    _require_read(context, options, text, split)
    target = Target.of(run_or_model, on_bad_bytes=on_bad_bytes)
    try:
        from nextword.export.export import NamedText, export_bundle
    except ImportError as error:
        raise MissingExtraError(
            f"exporting needs Keras, JAX, onnx and onnxruntime, but `{error.name}` is missing; install "
            "`nextword[export]`"
        ) from error

    def tried(bundle: Bundle) -> NamedText:
        named = split or _SPLIT
        store = load_split(target, text, named, bundle.tokenizer, data_dir)
        return NamedText(f"{Path(text or target.text or '').name}, {named}", store.ids)

    report = export_bundle(
        target.bundle,
        options,
        text=tried if options.int8 or text is not None else None,
        keras_path=keras_path,
        say=lambda what: click.echo(f"{what} ...", err=True),
    )
    click.echo("\n".join(report.sentences()))
    click.echo(f"\nmodel: {target.bundle}" + (f"\nKeras: {keras_path}" if keras_path else ""))


def _require_read(context: click.Context, options: ExportOptions, text: str | None, split: str | None) -> None:
    """Refuse what would make no difference.

    Raises:
        SettingError: A split was named of no text, or a cost of int8 where there is none.
    """
    if split is not None and text is None and not options.int8:
        raise SettingError("`--split` is of a text on which the model is tried, but there is none; name TEXT")
    if "max_loss_percent" in given_tables(context).get(ExportOptions.group, {}) and not options.int8:
        raise SettingError("`--max-loss-percent` is what `--int8` may cost, which was not asked for; ask for it")
