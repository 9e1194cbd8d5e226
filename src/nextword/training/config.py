"""All settings of a training run: a preset, overridden by a file, overridden by flags."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import tomli_w

from nextword.bundle.run_directory import RunDirectory
from nextword.errors import SettingError
from nextword.model.architecture import DropoutRate, ModelOptions, with_single_rates
from nextword.model.presets import read_preset
from nextword.settings import Settings, read_tables, unknown_name
from nextword.text.options import VARYING, BatchOptions, TextOptions
from nextword.training.options import TrainingOptions
from nextword.training.plan import TimePlan

Tables = Mapping[str, Mapping[str, Any]]

REGULARIZATION = [each.name for each in fields(ModelOptions) if each.metadata["task"] == "regularization"]
"""The options of a model that do not change its weights."""

_GROUPS: dict[str, type[Settings]] = {
    "text": TextOptions,
    "batching": BatchOptions,
    "training": TrainingOptions,
    "model": ModelOptions,
}


@dataclass(frozen=True)
class RunConfig:
    """The checked settings of a run."""

    text: TextOptions  # how the text is read
    batching: BatchOptions  # how the text is cut into windows
    training: TrainingOptions  # how the model is trained
    model: ModelOptions  # the model without its vocabulary size, which the text decides
    plan: TimePlan | None  # the time plan of this run, or of an earlier run that it repeats; `None` if epochs decide
    origin: Mapping[str, str]  # text, preset, command and the SHA-256 of the text, for the record
    given: Tables = field(default_factory=dict, compare=False)  # override the preset, but no plan overrides them

    @classmethod
    def of(cls, preset: str, *overrides: Tables, origin: Mapping[str, str] | None = None) -> Self:
        """Return the settings of a preset with override tables; the last table wins.

        A table with `epochs` but no `minutes` removes `minutes`. A table that changes the length of the run or of its
        rounds, the model or the windows removes the plan of an earlier run.

        Raises:
            SettingError: The preset, a table or a setting is unknown, or a value is out of range.
        """
        tables = {name: table for name, table in read_preset(preset).items() if isinstance(table, dict)}
        given: dict[str, dict[str, Any]] = {}
        overrides = tuple(_checked(override) for override in overrides)
        for override in overrides:
            is_of_run = override.keys() & {"origin", "plan"}  # it writes both lengths, of which minutes decide
            if not is_of_run and override.get("training", {}).keys() >= {"epochs", "minutes"}:
                raise SettingError("`epochs` and `minutes` must not be given together, but are; leave one out")
            given = _with_overrides(given, override)
        if "base" in given.get("training", {}):
            chosen = (each for each in overrides if "base_sha256" not in each.get("origin", {}))  # by no earlier run
            _require_network_of_base(merge_tables(*chosen).get("model", {}))
        tables = _with_overrides(_fitting(tables, given), given)
        config = cls.from_tables({**tables, "origin": {"preset": preset, **(origin or {})}})
        return replace(config, given=given)

    @classmethod
    def from_tables(cls, tables: Tables) -> Self:
        """Return the settings in the tables of a TOML file.

        Raises:
            SettingError: A table or a setting is unknown or missing, or a value is out of range.
        """
        _require_tables(tables)
        groups: dict[str, Any] = {name: kind.from_table(tables.get(name, {})) for name, kind in _GROUPS.items()}
        plan = TimePlan.from_table(tables["plan"]) if "plan" in tables else None
        return cls(**groups, plan=plan, origin=dict(tables.get("origin", {})))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the settings from a TOML file.

        Raises:
            SettingError: The file cannot be read, is not TOML, or has an invalid table or setting.
        """
        tables = read_tables(path)
        try:
            return cls.from_tables(tables)
        except SettingError as error:
            raise SettingError(f"`{path}`: {error}") from error

    @classmethod
    def of_run(cls, directory: RunDirectory) -> Self:
        """Return the original settings of a run."""
        directory.require_run()
        return cls.read(directory.config_file)

    @property
    def preset(self) -> str:
        """The preset that a run began with; `model` if no preset did."""
        return self.origin.get("preset", "model")

    def to_tables(self) -> dict[str, dict[str, Any]]:
        """Return the settings as tables."""
        groups = {name: getattr(self, name).to_table() for name in _GROUPS}
        plan = {"plan": self.plan.to_table()} if self.plan else {}
        return {"origin": dict(self.origin), **groups, **plan}

    def to_toml(self) -> str:
        """Return the settings as TOML."""
        return tomli_w.dumps(self.to_tables())

    def with_choices(self, *choices: Tables) -> Self:
        """Return the settings with the values that a plan chose, except those in `given`."""
        groups: dict[str, Any] = {}
        for name, chosen in merge_tables(*choices).items():
            given = self.given.get(name, {})
            open_choices = {setting: value for setting, value in chosen.items() if setting not in given}
            groups[name] = _GROUPS[name].from_table({**getattr(self, name).to_table(), **open_choices})
        return replace(self, **groups)

    def require_kept_by(self, run: "RunConfig") -> None:
        """Raise `SettingError` unless a run that has begun has every setting given here."""
        if (asked := self.origin.get("preset")) != (began := run.origin.get("preset")):
            raise SettingError(
                f"`preset` must be {began} as when the run began, but is {asked}; name that preset to resume, or "
                "another run directory"
            )
        for group, values in self.given.items():
            kept = getattr(run, group).to_table()
            for name, value in getattr(self, group).to_table().items():
                if name in values and value not in ("auto", kept.get(name)):
                    raise SettingError(
                        f"`{name}` must be {kept.get(name)} as when the run began, but is {value}; leave it out to "
                        "resume, or name another run directory"
                    )

    def resolved(self, *, text: TextOptions, compute_dtype: str, **origin: str) -> Self:
        """Return the settings with the values that depend on text and machine filled in."""
        return replace(
            self,
            text=text,
            training=self.training.replace(compute_dtype=compute_dtype),
            origin={**self.origin, **origin},
        )


def merge_tables(*layers: Tables) -> dict[str, dict[str, Any]]:
    """Merge tables by group and setting; the last one wins."""
    merged: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for group, values in layer.items():
            merged[group] = {**merged.get(group, {}), **values}
    return merged


def tables_of(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return settings that are given by name alone as tables by group."""
    groups = _groups_of_settings()
    tables: dict[str, dict[str, Any]] = {}
    for name, value in settings.items():
        if name not in groups:
            raise SettingError(unknown_name("setting", name, groups))
        tables.setdefault(groups[name], {})[name] = value
    return tables


def recorded_preset(tables: Tables) -> str | None:
    """Return the preset that a run recorded in its tables, or `None` if no run wrote them."""
    origin = tables.get("origin")
    return str(origin["preset"]) if isinstance(origin, Mapping) and "preset" in origin else None


def _groups_of_settings() -> dict[str, str]:
    kinds: tuple[type[Settings], ...] = (*_GROUPS.values(), DropoutRate)
    return {each.name: kind.group for kind in kinds for each in fields(kind)}


def _with_overrides(below: Tables, above: Tables) -> dict[str, dict[str, Any]]:
    """Merge overrides into tables, and remove the `minutes` and the plan that the overrides invalidate."""
    merged, training = merge_tables(below, above), above.get("training", {}).keys()
    if "epochs" in training and "minutes" not in training:
        merged["training"].pop("minutes", None)
    is_other_run = training & {"epochs", "minutes", "round_steps"} or above.get("model") or above.get("batching")
    if "plan" not in above and is_other_run:
        merged.pop("plan", None)
    return merged


def _fitting(preset: Tables, given: Tables) -> Tables:
    """Return the tables of a preset without what is only for streams or a plain LSTM, if other ones are given."""
    model, left_out = given.get("model", {}), set[str]()
    if given.get("batching", {}).get("windows") == "successive":
        left_out |= set(VARYING)
    if model.get("cell", "lstm") != "lstm":
        left_out.add("state_modulation")
    return {
        group: {name: value for name, value in table.items() if name not in left_out} for group, table in preset.items()
    }


def _require_network_of_base(model: Mapping[str, Any]) -> None:
    if named := [name for name in model if name not in REGULARIZATION]:
        raise SettingError(
            f"`{named[0]}` must not be given with `base`, because sizes and kind of the network are those of the base; "
            "leave it out"
        )


def _checked(tables: Tables) -> Tables:
    """Return tables that may be settings, with single rates in place of `dropout`."""
    _require_tables(tables)
    return {**tables, "model": with_single_rates(tables["model"])} if "model" in tables else tables


def _require_tables(tables: Mapping[str, Any]) -> None:
    known, groups = (*_GROUPS, "plan", "origin"), _groups_of_settings()
    for name, table in tables.items():
        if name in groups:
            raise SettingError(
                f"`{name}` must be in the table of its settings; write {groups[name]} = {{ {name} = ... }}"
            )
        if name not in known:
            raise SettingError(unknown_name("table of settings", name, known))
        if not isinstance(table, Mapping):
            raise SettingError(f"`{name}` must be a table, but is {table!r}; write [{name}] above its settings")
        for setting in table if name in _GROUPS else ():
            if (right := groups.get(setting, name)) != name:
                raise SettingError(f"`{setting}` must be in [{right}], but is in [{name}]; move it")
