"""`nextword draw`: pictures of networks as SVG."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np

from nextword.bundle.origin import Origin
from nextword.bundle.store import read_bundle, read_config
from nextword.cli.options.command import command
from nextword.cli.options.parameter_types import OutputFile
from nextword.cli.options.setting_option import CommandOptions, argument, option
from nextword.cli.options.target import open_origin, target_path
from nextword.display.pictures.architecture import draw_architecture
from nextword.display.pictures.cell import CellView, draw_cell
from nextword.display.pictures.colored_text import MAX_TOKENS, PredictedWord, draw_surprisal, draw_unit
from nextword.display.pictures.lstm_steps import ids_of
from nextword.display.pictures.network import draw_network
from nextword.display.pictures.windows import draw_windows
from nextword.display.svg import Drawing
from nextword.errors import BundleError, SettingError
from nextword.inference.evaluation.comparison import ComparedWord, compare
from nextword.inference.evaluation.text_evaluation import unknown_id_of
from nextword.model.architecture import Architecture, ModelOptions
from nextword.model.presets import preset_names, read_preset
from nextword.system.files import write_file
from nextword.text.tokens.encoded_lines import written_tokens

_VOCABULARY_SIZE = 10_000

Options = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _DrawOptions(CommandOptions):
    subject: Literal["network", "cell", "unit", "surprisal", "architecture", "windows"] = argument(metavar="SUBJECT")
    arguments: tuple[str, ...] = argument((), metavar="[ARGUMENT]...")
    output: Path | None = option(None, "-o", help="File to write.", type=OutputFile(), unset="SUBJECT.svg")
    word: int | None = option(None, help="cell: number of the word, the first is 1.", unset="the last")
    layer: int | None = option(None, help="cell, unit: number of the layer.", unset="1")
    units: int | None = option(None, help="cell: number of units, at most 16.", unset="10")
    mark: int | None = option(None, help="cell, unit: the unit to mark, the first is 0.", unset="the liveliest")
    vocabulary_size: int | None = option(
        None, help="architecture: number of tokens, for a preset.", unset=f"{_VOCABULARY_SIZE:,}"
    )
    batch_size: int | None = option(None, help="windows: rows in a batch.", unset="2")
    num_steps: int | None = option(None, help="windows: words in a row.", unset="3")


@command(
    _DrawOptions,
    examples=[
        'nextword draw cell austen "She was very happy" --output happy.svg',
        'nextword draw unit austen "She said, yes." --mark 175',
        "nextword draw architecture tutorial --vocabulary-size 10000",
    ],
)
def draw(options: _DrawOptions) -> None:
    """Draw a network, its cell, its shapes or its windows as SVG.

    \b
    network [TEXT]               a recurrent network, and unrolled over TEXT
    cell RUN_OR_MODEL TEXT       an LSTM cell with its gates at a word of TEXT
    unit RUN_OR_MODEL TEXT       TEXT colored by the cell of one unit
    surprisal RUN_OR_MODEL TEXT  TEXT colored by how surprising each word is
    architecture PRESET_OR_MODEL layers with shapes and numbers of parameters
    windows [TEXT]               the tutorial's windows beside parallel streams

    The picture follows light and dark pages. All but surprisal are the same file on every machine.
    """
    table = options.to_table()
    subject, arguments = table.pop("subject"), table.pop("arguments")
    path = table.pop("output", None) or Path(f"{subject}.svg")
    if path.suffix != ".svg":
        raise SettingError(f"`--output` must name a file that ends in .svg, but is {str(path)!a}")
    drawing = _SUBJECTS[subject].draw(arguments, table)
    write_file(path, drawing.to_svg().encode())
    click.echo(path)


@dataclass(frozen=True)
class _Subject:
    name: str
    function: Callable[..., Drawing]
    names: Sequence[str]
    options: Sequence[str] = ()

    def draw(self, arguments: Sequence[str], given: Options) -> Drawing:
        """Draw it, or refuse arguments and options that it does not have."""
        needed = [name for name in self.names if not name.startswith("[")]
        if not len(needed) <= len(arguments) <= len(self.names):
            plural = "" if len(arguments) == 1 else "s"
            repair = "give all of them" if len(arguments) < len(needed) else "put a text with spaces in quotes"
            raise click.UsageError(
                f"`draw {self.name}` takes {' '.join(self.names)}, but got {len(arguments)} argument{plural}; {repair}",
                click.get_current_context(silent=True),
            )
        for name in given:
            if name not in self.options:
                raise SettingError(f"`--{name.replace('_', '-')}` is not for `draw {self.name}`; leave it out")
        return self.function(*arguments, **given)


def _cell(model: str, text: str, **options: int) -> Drawing:
    names = {"units": "num_units", "mark": "unit"}
    view = CellView(**{names.get(name, name): value for name, value in options.items()})
    return draw_cell(read_bundle(Origin.of(target_path(model)).bundle), text, view)


def _unit(model: str, text: str, mark: int | None = None, layer: int = 1) -> Drawing:
    return draw_unit(read_bundle(Origin.of(target_path(model)).bundle), text, unit=mark, layer=layer)


def _surprisal(name: str, text: str) -> Drawing:
    model = open_origin(Origin.of(target_path(name)), "static")
    tokenizer = model.tokenizer
    ids = ids_of(tokenizer, text, at_most=MAX_TOKENS)
    unknown_id = unknown_id_of(text, tokenizer)
    tokens = compare(model.engine, np.array(ids, np.int32), max_tokens=len(ids), num_top=1, unknown_id=unknown_id)
    written = (piece for piece, _ in written_tokens(tokenizer, [text]))
    words = [ComparedWord.of(token, tokenizer, piece) for token, piece in zip(tokens, written, strict=False)]
    return draw_surprisal([PredictedWord(w.actual, w.predicted, w.surprisal_bits) for w in words], model.name)


def _architecture(name: str, vocabulary_size: int | None = None) -> Drawing:
    path = target_path(name)
    if name in preset_names() and not path.exists():
        options = ModelOptions.from_table(read_preset(name)["model"])
        size = _VOCABULARY_SIZE if vocabulary_size is None else vocabulary_size
        return draw_architecture(options.build(size), f"preset {name}")
    if vocabulary_size is not None:
        raise SettingError("`--vocabulary-size` is for a preset, but a model has its own; leave it out")
    return draw_architecture(*_of_model(path))


def _of_model(path: Path) -> tuple[Architecture, str]:
    try:
        config = read_config(Origin.of(path).bundle)
    except BundleError as error:
        presets = ", ".join(preset_names())
        raise BundleError(f"{error}; or name a preset: {presets}") from error
    return config.architecture, f"model {config.name}"


_SUBJECTS = {
    subject.name: subject
    for subject in (
        _Subject("network", draw_network, ["[TEXT]"]),
        _Subject("cell", _cell, ["RUN_OR_MODEL", "TEXT"], ["word", "layer", "units", "mark"]),
        _Subject("unit", _unit, ["RUN_OR_MODEL", "TEXT"], ["mark", "layer"]),
        _Subject("surprisal", _surprisal, ["RUN_OR_MODEL", "TEXT"]),
        _Subject("architecture", _architecture, ["PRESET_OR_MODEL"], ["vocabulary_size"]),
        _Subject("windows", draw_windows, ["[TEXT]"], ["batch_size", "num_steps"]),
    )
}
