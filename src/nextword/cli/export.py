"""`nextword export`: a model that runs without a training framework."""

import json
from pathlib import Path
from typing import Any, NamedTuple, Self

import click

from nextword.bundle.bundle import Bundle
from nextword.bundle.origin import Origin
from nextword.bundle.origin_text import OriginText
from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables, given_settings
from nextword.cli.options.shared import OutputFile, bad_bytes_of_splits_option, data_dir_option, json_option
from nextword.cli.options.target import run_or_model_argument
from nextword.cli.output.messages import say
from nextword.cli.output.progress import read_split, reading_progress
from nextword.display.page.html_file import require_replaceable
from nextword.display.page.model_page import ModelPage
from nextword.errors import MissingExtraError, SettingError
from nextword.export.options import ExportOptions
from nextword.text.options import OnBadBytes
from nextword.text.sources.names import SplitOrAll

_SPLIT: SplitOrAll = "valid"


@command(
    ExportOptions,
    examples=[
        "nextword export runs/demo",
        "nextword export runs/demo --int8 --slim -o demo-small",
        "nextword export austen --html austen.html",
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
@click.option(
    "--html",
    metavar="FILE",
    type=OutputFile(),
    help="Write a web page with the model inside.",
    show_default="none",
)
@click.option("--passage", is_flag=True, help="Put a passage of the test split into the page, to guess its words.")
@data_dir_option
@bad_bytes_of_splits_option
@json_option
def export(
    run_or_model: Path,
    text: str | None,
    split: SplitOrAll | None,
    keras_path: Path | None,
    output: Path | None,
    html: Path | None,
    passage: bool,
    data_dir: Path | None,
    on_bad_bytes: OnBadBytes | None,
    as_json: bool,
    given: Tables,
) -> None:
    """Make a model run without a training framework.

    The command adds model.onnx to the model, after it has compared the two. onnxruntime runs it. With --output, the
    result is a new directory instead. With --int8, the
    perplexity on TEXT (default: the text of the run) is measured before and after, and goes into the model card.

    With --html alone, the command writes a page and leaves the model as it is. It needs no training framework. The page
    opens in a browser from the disk, without a network. TEXT is the training text there.
    """
    options = given_settings(given, ExportOptions)
    is_page_alone = not (options.int8 or options.slim or output or keras_path)
    _refuse_idle(given, options, split=split, has_text=text is not None, passage=passage, html=html)
    read = OriginText(Origin.of(run_or_model), text, data_dir, on_bad_bytes)
    if html is not None:
        require_replaceable(html)
        if is_page_alone:
            alone = _WrittenPage.of(html, read, with_passage=passage)
            click.echo(json.dumps(alone.to_table()) if as_json else alone.described)
            return
    try:
        from nextword.export.export import NamedText, export_bundle
    except ImportError as error:
        need = "exporting needs Keras, JAX, onnx and onnxruntime"
        raise MissingExtraError.of(need, error.name, "train") from error

    def tried(bundle: Bundle) -> NamedText:
        named = split or _SPLIT
        return NamedText(f"{read.name}, {named}", read_split(read, named, bundle.tokenizer).ids)

    report = export_bundle(
        read.origin.bundle,
        options,
        output=output,
        text=tried if options.int8 or text is not None else None,
        keras_path=keras_path,
        say=lambda what: say(f"{what} ..."),
    )
    page = None if html is None else _WrittenPage.of(html, read, with_passage=passage)
    if as_json:
        table = {"model": str(output or read.origin.bundle), **report.to_table(), **(page.to_table() if page else {})}
        click.echo(json.dumps(table, allow_nan=False))
        return
    click.echo("\n".join(report.sentences()))
    click.echo(f"\nmodel: {output or read.origin.bundle}" + (f"\nKeras: {keras_path}" if keras_path else ""))
    if page is not None:
        click.echo(page.described)


class _WrittenPage(NamedTuple):
    """The page that was written."""

    path: Path
    num_bytes: int
    has_bigrams: bool
    has_passage: bool
    has_text: bool

    @classmethod
    def of(cls, path: Path, text: OriginText, *, with_passage: bool) -> Self:
        with reading_progress():
            num_bytes, has_bigrams = ModelPage(text, with_passage, say).write(path)
        return cls(path, num_bytes, has_bigrams, with_passage, text.source is not None)

    @property
    def described(self) -> str:
        """What was written, and how to open it."""
        address = self.path.resolve().as_uri()
        lines = [
            f"page: {self.path}, {self.num_bytes / 1e6:.1f} MB",
            f"open: double-click the file, or enter {address} in a browser; it needs no network",
        ]
        if not self.has_passage and self.has_text:
            lines.append("passage: none; `--passage` adds held-out text to read and to guess")
        return "\n".join(lines)

    def to_table(self) -> dict[str, Any]:
        """Return what was written, for JSON."""
        return {
            "html": str(self.path),
            "html_bytes": self.num_bytes,
            "has_bigrams": self.has_bigrams,
            "has_passage": self.has_passage,
        }


def _refuse_idle(
    given: Tables, options: ExportOptions, *, split: SplitOrAll | None, has_text: bool, passage: bool, html: Path | None
) -> None:
    """Refuse an option that would do nothing.

    Raises:
        SettingError: There is one.
    """
    if split is not None and not options.int8 and (html is not None or not has_text):
        raise SettingError("`--split` needs a TEXT to measure the perplexity on; name one, or leave it out")
    if "max_loss_percent" in given.get(ExportOptions.group, {}) and not options.int8:
        raise SettingError("`--max-loss-percent` needs `--int8`; add it, or leave `--max-loss-percent` out")
    if passage and html is None:
        raise SettingError("`--passage` needs `--html FILE`, the page to put it into; add it, or leave it out")
