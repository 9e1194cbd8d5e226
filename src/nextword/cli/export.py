"""`nextword export`: a model that runs without a training framework."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import click

from nextword.bundle.bundle import Bundle
from nextword.bundle.origin_text import OriginText
from nextword.cli.options.command import command
from nextword.cli.options.parameter_types import DIRECTORY, OutputFile
from nextword.cli.options.setting_option import Tables, given_settings, option
from nextword.cli.options.target import OriginTextOptions
from nextword.cli.output.console import read_split, reading_progress
from nextword.cli.output.messages import say
from nextword.display.page.html_file import require_replaceable, write_page
from nextword.errors import MissingExtraError, SettingError
from nextword.export.options import ExportOptions
from nextword.text.sources.names import SplitOrAll

_SPLIT: SplitOrAll = "valid"


@dataclass(frozen=True, kw_only=True)
class _ExportOptions(OriginTextOptions):
    split: SplitOrAll | None = option(None, help="Split of the text to measure the perplexity on.", unset=_SPLIT)
    keras_output: Path | None = option(None, help="Write a .keras file too.")
    output: Path | None = option(
        None, "-o", help="Write the exported model to this new directory.", type=DIRECTORY, unset="RUN_OR_MODEL itself"
    )
    html: Path | None = option(None, help="Write a web page with the model inside.", type=OutputFile())
    passage: bool = option(False, help="Put a passage of the test split into the page, to guess its words.")


@command(
    _ExportOptions,
    ExportOptions,
    examples=[
        "nextword export runs/demo",
        "nextword export runs/demo --int8 --slim -o demo-small",
        "nextword export austen --html austen.html",
    ],
)
def export(options: _ExportOptions, given: Tables) -> None:
    """Make a model run without a training framework.

    The command adds model.onnx to the model, after it has compared the two. onnxruntime runs it. With --output, the
    result is a new directory instead. With --int8, the
    perplexity on TEXT (default: the text of the run) is measured before and after, and goes into the model card.

    With --html alone, the command writes a page and leaves the model as it is. It needs no training framework. The page
    opens in a browser from the disk, without a network. With --passage, it holds a passage of TEXT. If the model has a
    mixture, the page shows n-grams of its training text to anyone who reads the file.
    """
    form, html, output = given_settings(given, ExportOptions), options.html, options.output
    _refuse_idle(given, form, options)
    read = options.origin_text
    if html is not None:
        require_replaceable(html)
        if not (form.int8 or form.slim or output or options.keras_output):
            alone = _WrittenPage.of(html, read, with_passage=options.passage)
            options.show(alone.to_table(), alone.described)
            return
    try:
        from nextword.export.export import NamedText, export_bundle
    except ImportError as error:
        need = "exporting needs Keras, JAX, onnx and onnxruntime"
        raise MissingExtraError.of(need, error.name, "train") from error

    def tried(bundle: Bundle) -> NamedText:
        named = options.split or _SPLIT
        return NamedText(f"{read.name}, {named}", read_split(read, named, bundle.tokenizer).ids)

    report = export_bundle(
        read.origin.bundle,
        form,
        output=output,
        text=tried if form.int8 or options.text is not None else None,
        keras_path=options.keras_output,
        say=lambda what: say(f"{what} ..."),
    )
    page = None if html is None else _WrittenPage.of(html, read, with_passage=options.passage)
    if options.as_json:
        table = {"model": str(output or read.origin.bundle), **report.to_table(), **(page.to_table() if page else {})}
        click.echo(json.dumps(table, allow_nan=False))
        return
    click.echo("\n".join(report.sentences()))
    click.echo(f"\nmodel: {output or read.origin.bundle}")
    if options.keras_output is not None:
        click.echo(f"Keras: {options.keras_output}")
    if page is not None:
        click.echo(page.described)


class _WrittenPage(NamedTuple):
    path: Path
    num_bytes: int
    has_passage: bool
    has_text: bool

    @classmethod
    def of(cls, path: Path, text: OriginText, *, with_passage: bool) -> Self:
        with reading_progress():
            num_bytes = write_page(path, text, with_passage=with_passage)
        return cls(path, num_bytes, with_passage, text.source is not None)

    @property
    def described(self) -> str:
        address = self.path.resolve().as_uri()
        lines = [
            f"page: {self.path}, {self.num_bytes / 1e6:.1f} MB",
            f"open: double-click the file, or enter {address} in a browser; it needs no network",
        ]
        if not self.has_passage and self.has_text:
            lines.append("passage: none; `--passage` adds held-out text to read and to guess")
        return "\n".join(lines)

    def to_table(self) -> dict[str, Any]:
        return {
            "html": str(self.path),
            "html_bytes": self.num_bytes,
            "has_passage": self.has_passage,
        }


def _refuse_idle(given: Tables, form: ExportOptions, options: _ExportOptions) -> None:
    is_page = options.html is not None and not (form.int8 or form.slim or options.output or options.keras_output)
    if options.split is not None and (is_page or (options.text is None and not form.int8)):
        needed = (
            "an export, not only a page; add `--output`" if is_page else "a TEXT to measure the perplexity on; name one"
        )
        raise SettingError(f"`--split` needs {needed}, or leave it out")
    if "max_loss_percent" in given.get(ExportOptions.group, {}) and not form.int8:
        raise SettingError("`--max-loss-percent` needs `--int8`; add it, or leave `--max-loss-percent` out")
    if options.passage and options.html is None:
        raise SettingError("`--passage` needs `--html FILE`, the page to put it into; add it, or leave it out")
