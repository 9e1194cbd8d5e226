import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import SettingError
from nextword.model.architecture import Architecture, ModelOptions
from nextword.model.presets import preset_names, read_preset
from nextword.settings import read_tables
from nextword.training.config import RunConfig, recorded_preset, tables_of
from nextword.training.plan import TimePlan


def test_a_flag_overrides_a_file_and_a_file_overrides_the_preset() -> None:
    from_file: dict[str, dict[str, Any]] = {"training": {"epochs": 7, "seed": 3}, "model": {"tied": False}}
    from_flags = {"training": {"seed": 4}, "batching": {"batch_size": 8}}
    config = RunConfig.of("quick", from_file, from_flags)
    preset = read_preset("quick")
    assert (config.training.epochs, config.training.seed) == (7.0, 4)
    assert config.training.learning_rate == preset["training"]["learning_rate"]
    assert (config.batching.batch_size, config.batching.num_steps) == (8, preset["batching"]["num_steps"])
    assert config.model == ModelOptions.from_table({**preset["model"], "tied": False})


def test_overrides_do_not_change_the_presets() -> None:
    before = read_preset("quick")
    RunConfig.of("quick", {"training": {"epochs": 99}})
    assert read_preset("quick") == before
    assert RunConfig.of("quick").training.epochs == before["training"]["epochs"]


PLAN = {"seconds": 580.0, "passes_at_end": 2.6, "round_steps": 100, "planned_steps": [400, 410]}
BY_THE_CLOCK: dict[str, dict[str, Any]] = {"training": {"epochs": 10.0, "minutes": 10.0, "seed": 3}, "plan": PLAN}


@pytest.mark.parametrize(
    "above",
    [
        {"training": {"minutes": 60.0}},
        {"training": {"epochs": 3.0}},
        {"model": {"hidden_sizes": [32, 256]}},
        {"batching": {"batch_size": 8}},
        {"training": {"round_steps": 50}},
    ],
)
def test_a_stored_plan_is_dropped_if_length_model_or_windows_change(above: dict[str, Any]) -> None:
    assert RunConfig.of("auto", BY_THE_CLOCK).plan is not None
    config = RunConfig.of("auto", BY_THE_CLOCK, above)
    training = config.training
    assert (config.plan, training.round_steps) == (None, above.get("training", {}).get("round_steps"))
    assert "plan" not in config.to_tables()
    expected = {"minutes": 10.0, **above.get("training", {})}
    assert training.minutes == (None if "epochs" in expected else expected["minutes"])
    assert training.seed == 3


def test_a_stored_plan_is_followed_if_the_length_is_unchanged() -> None:
    expected = TimePlan(seconds=580.0, passes_at_end=2.6, round_steps=100, planned_steps=(400, 410))
    followed: list[dict[str, Any]] = [
        {},
        {"training": {"learning_rate": 0.01}},
        {"text": {"minimum_count": 2}, "model": {}},
        {"training": {"minutes": 60.0}, "plan": PLAN},
    ]
    for above in followed:
        assert RunConfig.of("auto", BY_THE_CLOCK, above).plan == expected


@pytest.mark.parametrize("preset", preset_names())
def test_the_settings_of_a_run_survive_toml_and_override_its_preset_completely(preset: str, tmp_path: Path) -> None:
    changes = {"training": {"patience": 3, "round_steps": 10, "seed": 5}}
    config = RunConfig.of(preset, changes, origin={"command": 'a "b" \\ ü'})
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    assert RunConfig.read(path) == config
    tables = read_tables(path)
    assert recorded_preset(tables) == preset
    again = RunConfig.of(preset, tables)
    assert again.model.build(100_000) == config.model.build(100_000)
    assert (again.text, again.batching, again.training) == (config.text, config.batching, config.training)


def test_a_run_from_a_base_is_repeated_by_its_settings_but_no_network_is_chosen_with_a_base() -> None:
    config = RunConfig.of("quick", {"training": {"base": "runs/general"}}, origin={"base_sha256": "0" * 64})
    assert RunConfig.of("quick", config.to_tables()).training == config.training
    with pytest.raises(SettingError, match="`hidden_sizes` must not be given with `base`"):
        RunConfig.of("quick", config.to_tables(), {"model": {"hidden_sizes": [8]}})


def test_tables_that_no_run_wrote_have_no_preset() -> None:
    tables: list[dict[str, Any]] = [{}, {"origin": {}}, {"origin": 3}]
    assert [recorded_preset(each) for each in tables] == [None] * 3


def test_resolved_settings_include_text_and_machine_and_survive_toml(tmp_path: Path) -> None:
    config = RunConfig.of("quick")
    resolved = config.resolved(
        text=config.text.resolved(pretokenized=False),
        compute_dtype="float32",
        text_path="/somewhere/text.txt",
        text_sha256="ab" * 32,
    )
    path = tmp_path / "config.toml"
    path.write_text(resolved.to_toml(), encoding="utf-8")
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    unset = {field.name for field in fields(ModelOptions) if getattr(config.model, field.name) is None}
    assert tables["model"].keys() == {field.name for field in fields(ModelOptions)} - unset
    assert tables["training"]["compute_dtype"] == "float32"
    assert (tables["text"]["tokenizer"], tables["text"]["minimum_count"]) == ("word", 2)
    assert tables["origin"] == {"preset": "quick", "text_path": "/somewhere/text.txt", "text_sha256": "ab" * 32}
    assert RunConfig.read(path) == resolved
    expected = Architecture.from_table({**read_preset("quick")["model"], "vocabulary_size": 321})
    assert resolved.model.build(321) == expected


def test_successive_windows_leave_out_what_a_preset_says_about_streams() -> None:
    assert RunConfig.of("auto").batching.shuffle == "partial"
    assert RunConfig.of("auto", {"batching": {"windows": "successive"}}).batching.varied == []
    with pytest.raises(SettingError, match="`shuffle` needs `windows` = 'streams'"):
        RunConfig.of("auto", {"batching": {"shuffle": "partial"}}, {"batching": {"windows": "successive"}})


def test_one_rate_of_dropout_sets_three_that_are_not_given() -> None:
    tables = tables_of({"dropout": 0.35, "output_dropout_rate": 0.5})
    model = RunConfig.of("auto", tables).model
    assert (model.input_dropout_rate, model.hidden_dropout_rate, model.output_dropout_rate) == (0.35, 0.35, 0.5)
    assert model.embedding_dropout_rate == model.weight_drop_rate == 0.0
    again = RunConfig.of("auto", {"model": {"output_dropout_rate": 0.5}}, {"model": {"dropout": 0.1}}).model
    assert again.output_dropout_rate == 0.1  # the later table wins


def test_another_cell_leaves_out_the_modulation_of_a_preset() -> None:
    assert RunConfig.of("auto").model.state_modulation
    assert not RunConfig.of("auto", {"model": {"cell": "gru"}}).model.state_modulation
    with pytest.raises(SettingError, match="`state_modulation`"):
        RunConfig.of("auto", {"model": {"cell": "gru", "state_modulation": True}})


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"trainig": {"epochs": 3}}, "`trainig` is not a table of settings; did you mean `training`"),
        ({"seed": 3}, r"`seed` must be in the table of its settings; write training = \{ seed = \.\.\. \}"),
        ({"training": {"epoch": 3}}, r"`epoch` is not a setting of \[training\]; did you mean `epochs`"),
        ({"model": {"hidden_size": [3]}}, r"`hidden_size` is not a setting of \[model\]; did you mean `hidden_sizes`"),
        ({"training": {"epochs": 0}}, "`epochs` must not be 0 without `base`, the model to start from"),
        ({"model": {"hidden_sizes": [8]}}, "`tied` needs a last layer as wide as the embedding"),
        (
            {"model": {"mixture_size": 15}},
            "`mixture_size` asks for the mixture of softmaxes, which nextword no longer has; leave it out, or",
        ),
        ({"model": {"cell": "mogrifier_lstm"}}, "`cell` mogrifier_lstm asks for the Mogrifier, which nextword no"),
        ({"training": {"epochs": 3, "minutes": 10.0}}, "`epochs` and `minutes` must not be given together, but are"),
        ({"training": 3}, r"`training` must be a table, but is 3; write \[training\] above"),
        ({"model": {"compute_dtype": "float32"}}, r"`compute_dtype` must be in \[training\], but is in \[model\]"),
        ({"plan": {**PLAN, "round_step": 3}}, r"`round_step` is not a setting of \[plan\]; did you mean `round_steps`"),
        ({"plan": {**PLAN, "planned_steps": [0]}}, "`planned_steps`"),
        ({"batching": {"windows": "stream"}}, "`windows` must be one of streams, successive, but is 'stream'"),
    ],
)
def test_a_mistake_in_a_table_is_named_with_its_repair(tables: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        RunConfig.of("quick", tables)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory; give the path of a TOML file"),
        (b"[training\nepochs = 3", "must be valid TOML, but are not"),
        (b"name = '\xff'", "must be valid TOML, but are not"),
    ],
)
def test_a_file_without_settings_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "settings.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError, match=message) as error:
        read_tables(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(("content", "message"), [("", "requires `embedding_size`"), ("[model]\nsize = 3\n", "size")])
def test_damaged_settings_of_a_run_name_their_file(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingError, match=message) as error:
        RunConfig.read(path)
    assert str(error.value).startswith(f"`{path}`: ")


def test_choices_of_a_plan_do_not_override_the_arguments() -> None:
    config = RunConfig.of("auto", {"model": {"tied": False}, "training": {"weight_decay": 0.25}})
    chosen = config.with_choices(
        {"model": {"embedding_size": 24, "hidden_sizes": [24], "tied": True}},
        {"training": {"weight_decay": 0.5, "learning_rate": 0.75}},
    )
    assert (chosen.model.embedding_size, chosen.model.hidden_sizes, chosen.model.tied) == (24, (24,), False)
    assert (chosen.training.weight_decay, chosen.training.learning_rate) == (0.25, 0.75)
    assert chosen.batching == config.batching
    with pytest.raises(SettingError, match="`embedding_size` must be at least 1, but is 0"):
        config.with_choices({"model": {"embedding_size": 0}})


def test_a_plan_keeps_the_precision_that_auto_was_resolved_to() -> None:
    config = RunConfig.of("auto", {"training": {"minutes": 1.0, "compute_dtype": "auto"}})
    resolved = config.resolved(text=config.text, compute_dtype="float32")
    chosen = resolved.with_choices({"training": {"weight_decay": 0.5}})
    assert (chosen.training.compute_dtype, chosen.training.weight_decay) == ("float32", 0.5)
