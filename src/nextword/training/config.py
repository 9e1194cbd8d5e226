"""All settings of a training run: a preset, overridden by a file, overridden by flags."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import tomli_w

from nextword.architecture import Architecture
from nextword.batching.options import BatchOptions
from nextword.errors import SettingError
from nextword.models.presets import read_preset
from nextword.settings import Settings, unknown_name
from nextword.text.options import TextOptions
from nextword.text.vocabulary import MAXIMUM_SIZE
from nextword.training.options import TrainingOptions

Tables = Mapping[str, Mapping[str, Any]]

_GROUPS: dict[str, type[Settings]] = {"text": TextOptions, "batching": BatchOptions, "training": TrainingOptions}

# Python with Keras and JAX, the programs that XLA compiles, and the chunks that a step works in.
_BASE = 800 * 10**6
# Weight, gradient and Adam's two averages in float32, and copies for the products, some of them transposed.
_BYTES_PER_PARAMETER = 24
# Float32 values that the recurrence keeps for its gradient: four gates thrice over, hidden state and cell.
_VALUES_PER_UNIT = 14


@dataclass(frozen=True)
class RunConfig:
    """The settings of a run, every one of them checked.

    Attributes:
        text: How the text is read.
        batching: How windows are cut.
        training: How the model is trained.
        model: The fields of `Architecture`; the vocabulary's size joins them when the text was read.
        origin: Where the run came from: text, preset, command, and the text's SHA-256. For the record.
        given: The tables that were laid over the preset; nothing that is chosen later stands over them.
    """

    text: TextOptions
    batching: BatchOptions
    training: TrainingOptions
    model: Mapping[str, Any]
    origin: Mapping[str, str]
    given: Tables = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, preset: str, *overrides: Tables, origin: Mapping[str, str] | None = None) -> Self:
        """Return the settings of a preset with tables laid over it, the last one on top.

        Where a table gives `epochs` without `minutes`, the `minutes` below it are forgotten; where it changes the
        length, the model or the windows, the steps that a former run had planned are.

        Raises:
            SettingError: The preset, a table or a setting is unknown, or a value is refused.

        Example:
            >>> RunConfig.of("tutorial", {"training": {"epochs": 2}}).training.epochs
            2.0
        """
        tables = {name: table for name, table in read_preset(preset).items() if isinstance(table, dict)}
        given: dict[str, dict[str, Any]] = {}
        for override in overrides:
            _require_tables(override)
            given = merge_tables(_without_former_length(given, override), override)
        tables = merge_tables(_without_former_length(tables, given), given)
        config = cls.from_tables({**tables, "origin": {"preset": preset, **(origin or {})}})
        return replace(config, given=given)

    @classmethod
    def from_tables(cls, tables: Tables) -> Self:
        """Return the settings that the tables of a TOML file hold.

        Raises:
            SettingError: A table or a setting is unknown or missing, or a value is refused.
        """
        _require_tables(tables)
        groups: dict[str, Any] = {name: kind.from_table(tables.get(name, {})) for name, kind in _GROUPS.items()}
        model = dict(tables.get("model", {}))
        # Until the text is read its vocabulary may be of any size; nothing is refused that could be right.
        architecture = Architecture.from_table({"vocabulary_size": MAXIMUM_SIZE, **model})
        groups["training"].check_softmax(architecture)
        return cls(**groups, model=model, origin=dict(tables.get("origin", {})))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the settings from a TOML file.

        Raises:
            SettingError: The file cannot be read, is not TOML, or holds what it may not.
        """
        return cls.from_tables(read_tables(path))

    def to_tables(self) -> dict[str, dict[str, Any]]:
        """Return the settings as tables."""
        groups = {name: getattr(self, name).to_table() for name in _GROUPS}
        return {"origin": dict(self.origin), **groups, "model": dict(self.model)}

    def to_toml(self) -> str:
        """Return the settings as TOML."""
        return tomli_w.dumps(self.to_tables())

    def laid_under(self, *tables: Tables) -> Self:
        """Return the settings with tables laid over them, but under those that were given.

        Raises:
            SettingError: A value is refused.
        """
        return replace(self.from_tables(merge_tables(self.to_tables(), *tables, self.given)), given=self.given)

    def resolved(self, *, text: TextOptions, vocabulary_size: int, compute_dtype: str, **origin: str) -> Self:
        """Return the settings with what only text and machine could tell written in.

        Raises:
            SettingError: The model does not go with the size of the vocabulary.
        """
        model = {**self.model, "vocabulary_size": vocabulary_size}
        Architecture.from_table(model)
        return replace(
            self,
            text=text,
            model=model,
            training=self.training.replace(compute_dtype=compute_dtype),
            origin={**self.origin, **origin},
        )

    @property
    def architecture(self) -> Architecture:
        """The model described; the settings must be resolved."""
        return Architecture.from_table(self.model)


def merge_tables(*layers: Tables) -> dict[str, dict[str, Any]]:
    """Return tables laid over each other, the last one on top."""
    merged: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for group, values in layer.items():
            merged[group] = {**merged.get(group, {}), **values}
    return merged


def preset_below(tables: Tables) -> str | None:
    """Return the preset that tables were laid over by the run that wrote them; `None` where none did."""
    origin = tables.get("origin")
    return str(origin["preset"]) if isinstance(origin, Mapping) and "preset" in origin else None


def _without_former_length(below: Tables, above: Tables) -> Tables:
    """Return tables without the length of training, and the plan of it, that those laid over them make void."""
    training, former, void = above.get("training", {}), below.get("training", {}), set[str]()
    if "epochs" in training and "minutes" not in training:
        void.add("minutes")
    changed = above.get("model") or above.get("batching") or training.keys() & {"epochs", "minutes"}
    if changed and "planned_steps" in former:
        void |= {"planned_steps", "training_seconds", "passes_at_end", "round_steps"}
    return {**below, "training": {name: value for name, value in former.items() if name not in void}}


def _require_tables(tables: Mapping[str, Any]) -> None:
    known = (*_GROUPS, "model", "origin")
    for name, table in tables.items():
        if name not in known:
            raise SettingError(unknown_name("table of settings", name, known))
        if not isinstance(table, Mapping):
            raise SettingError(f"`{name}` must be a table, but is {table!r}; write [{name}] above its settings")


def read_tables(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file of settings.

    Raises:
        SettingError: The file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(
            f"the settings in {path} cannot be read: {error.strerror}; give the path of a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"the settings in {path} must be TOML, but are not: {error}") from error


def training_memory_bytes(architecture: Architecture, batching: BatchOptions) -> int:
    """Return about how many bytes training takes on a processor, rather too many than too few.

    Measured on an x86 processor with JAX 0.12: 0.8 GB for the preset `quick`, 1.0 for `tutorial`, 2.2 for `large`.

    Example:
        >>> quick = Architecture(vocabulary_size=10_000, embedding_size=160, hidden_sizes=(320, 160), tied=True)
        >>> training_memory_bytes(quick, BatchOptions()) // 10**6
        890
    """
    cells = batching.batch_size * batching.num_steps
    recurrence = 4 * _VALUES_PER_UNIT * cells * sum(architecture.hidden_sizes)
    return _BASE + _BYTES_PER_PARAMETER * architecture.num_parameters + recurrence
