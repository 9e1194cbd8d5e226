import hashlib
import math
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextword.api.trained_model import load
from nextword.bundle.origin_text import OriginText
from nextword.engine.methods import cache
from nextword.engine.methods.chain import apply_methods
from nextword.inference.evaluation.perplexity import Evaluation
from nextword.inference.evaluation.perplexity import evaluate as evaluate_text
from nextword.text.corpus import joined_sha256
from nextword.text.options import TextOptions
from nextword.text.sources.find import resolve_source
from support.commands import Captured, Command, Json, nextword
from support.tiny_bundle import write_tiny_bundle

CACHE = ("--method", "cache", "--cache-size", "30", "--cache-theta", "0.2", "--cache-weight", "0.05")


def sha256_of(text: Path, options: TextOptions) -> str:
    return joined_sha256(*resolve_source(text, options).parts.values())


@pytest.fixture
def table_of(json_of: Json) -> Json:
    """Evaluates one model and returns its JSON object."""

    def run(*arguments: str | Path) -> Any:
        (table,) = json_of("evaluate", *arguments)["evaluations"]
        return table

    return run


def test_bad_bytes_of_another_text_are_refused_or_replaced_as_asked(
    trained_run: Path, small_text: Path, capsys: Captured, tmp_path: Path, mistake: Command
) -> None:
    text = tmp_path / "odd.txt"
    text.write_bytes(b"odd \xff byte\n" + small_text.read_bytes())
    for command in ("evaluate", "compare"):
        arguments = (command, trained_run, text, "--split", "all")
        assert "must be UTF-8 without NUL, but the byte 0xff is not UTF-8" in mistake(*arguments)
        assert nextword(*arguments, "--on-bad-bytes", "replace") == 0
        capsys.readouterr()


def test_which_part_of_a_file_was_read_is_said(
    trained_run: Path, small_text: Path, capsys: Captured, tmp_path: Path, printed: Command
) -> None:
    other = tmp_path / "other.txt"
    shutil.copy(small_text, other)
    *_, part, protocol = printed("evaluate", trained_run, other, "--split", "test").splitlines()
    assert re.fullmatch(
        r"\(this is the test split of `other.txt`, \d\d?\.\d% of it; without --split, the whole file is read\)", part
    )
    assert protocol.startswith("(every token")
    for split in ((), ("--split", "all")):
        assert "(this is all of `other.txt`)\n" in printed("evaluate", trained_run, other, *split)
    assert nextword("evaluate", trained_run, "--split", "valid") == 0
    assert re.search(r"\(this is the valid split of `story.txt`, [\d.]+% of it\)\n", capsys.readouterr().out)


def test_eight_bits_are_named(
    trained_run: Path, small_text: Path, capsys: Captured, table_of: Json, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(trained_run / "model", model)
    assert nextword("export", model, small_text, "--int8", "--max-loss-percent", "100") == 0
    capsys.readouterr()
    table = table_of(model, small_text)
    assert table["run_by"] == "onnxruntime in int8"
    assert table["protocol"].endswith("; weights in int8")
    table = table_of(model, small_text, "--engine", "keras")
    assert table["run_by"] == "Keras"
    assert "int8" not in table["protocol"]


def test_the_settings_that_are_given_are_used_and_named(trained_run: Path, table_of: Json) -> None:
    table = table_of(trained_run, *CACHE)
    assert table["settings"] == {
        "cache": {
            "cache_size": 30,
            "cache_delay": 0,
            "cache_theta": 0.2,
            "cache_decay": 0.0,
            "cache_weight": 0.05,
            "cache_sentinel": 0.0,
        }
    }
    assert table["protocol"].endswith(
        "; cache (cache_size 30, cache_delay 0, cache_theta 0.2, cache_decay 0.0, cache_weight 0.05, "
        "cache_sentinel 0.0)"
    )
    assert table["perplexity"] != table_of(trained_run)["perplexity"]


def test_methods_stand_side_by_side_and_around_one_another(trained_run: Path, printed: Command) -> None:
    lines = printed("evaluate", trained_run, "--method", "static", "--method", "cache,temperature").splitlines()
    assert lines[0].split() == ["static", "cache,temperature"]
    assert len(lines[1].split()) == 3
    assert lines[-2].startswith("(static: every token")
    assert lines[-1].startswith("(cache,temperature: every token")
    assert ", then temperature (temperature 1.0))" in lines[-1]


def test_a_small_file_is_evaluated_as_a_whole(
    trained_run: Path, small_text: Path, table_of: Json, tmp_path: Path
) -> None:
    small = tmp_path / "small.txt"
    small.write_text("the cat drinks milk .\na dog eats bones .\n", encoding="utf-8")
    table = table_of(trained_run, small)
    assert (table["split"], table["num_tokens"]) == ("all", 12)
    assert table_of(trained_run, small_text)["split"] == table_of(trained_run)["split"] == "test"


def test_a_folder_with_splits_is_evaluated_on_its_test_split(trained_run: Path, table_of: Json, tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.txt").write_text(f"the {split} sings .\n", encoding="utf-8")
    table = table_of(trained_run, tmp_path)
    assert (table["split"], table["num_tokens"], table["part_of_file"]) == ("test", 5, None)


def test_tuned_values_are_found_before_the_test_split_is_read_and_can_be_given_again(
    trained_run: Path, monkeypatch: pytest.MonkeyPatch, printed: Command
) -> None:
    events: list[str] = []

    load = OriginText.load

    def watched_load(text: OriginText, split: Any, tokenizer: Any) -> Any:
        events.append(split)
        return load(text, split, tokenizer)

    def watched_apply(*arguments: Any, **options: Any) -> Any:
        outcome = apply_methods(*arguments, **options)
        events.append("tuned")
        return outcome

    monkeypatch.setattr(OriginText, "load", watched_load)
    monkeypatch.setattr("nextword.cli.evaluate.apply_methods", watched_apply)
    monkeypatch.setattr(cache, "_SIZES", (5, 20))
    arguments = ("evaluate", trained_run, "--method", "cache", "--method", "ngram", "--tune")
    lines = printed(*arguments).splitlines()
    first_test = events.index("test")
    assert events[:first_test].count("tuned") == 2
    assert set(events[:first_test]) == {"train", "valid", "tuned"}
    assert events[first_test:] == ["test", "test"]  # once for each column

    again = [line.split(": ")[1].split() for line in lines if line.startswith("the same without --tune")]
    assert len(again) == 2
    perplexities = next(line.split()[1:] for line in lines if line.startswith("perplexity"))
    for flags, perplexity in zip(again, perplexities, strict=True):
        assert f"perplexity           {perplexity}" in printed("evaluate", trained_run, *flags)


def test_columns_are_compared_with_the_first(trained_run: Path, json_of: Json) -> None:
    arguments = (trained_run, "--split", "train", "--method", "static", *CACHE, "--significance")
    table = json_of("evaluate", *arguments)
    first, second = (evaluation["perplexity"] for evaluation in table["evaluations"])
    (comparison,) = table["significance"]
    assert (comparison["first"], comparison["second"]) == ("static", "cache")
    assert comparison["perplexity_ratio"] == pytest.approx(second / first, rel=1e-5)
    assert 0 < comparison["p_value"] <= 1
    (by_line,) = json_of("evaluate", *arguments, "--unit", "line")["significance"]
    assert (comparison["unit"], by_line["unit"]) == ("block", "line")  # the cache learns as it reads
    assert comparison["num_units"] == math.ceil(by_line["num_units"] / 32)


@pytest.mark.parametrize("flags", [(), ("--method", "static", *CACHE, "--significance", "--unit", "line")])
def test_scores_of_tokens_are_kept_only_for_significance(
    trained_run: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    kept: list[bool] = []

    def evaluate_engine(*args: Any, **options: Any) -> Evaluation:
        kept.append(options["on_scored"] is not None)
        return evaluate_text(*args, **options)

    monkeypatch.setattr(sys.modules["nextword.cli.evaluate"], "evaluate_engine", evaluate_engine)
    assert nextword("evaluate", trained_run, *flags) == 0
    assert set(kept) == {"--significance" in flags}


@pytest.fixture
def copied(trained_run: Path, tmp_path: Path) -> Callable[..., Path]:
    """Copies the run, with other settings in its configuration."""

    def copy(name: str, **changes: str) -> Path:
        config = (trained_run / "config.toml").read_text(encoding="utf-8")
        for setting, value in changes.items():
            config, count = re.subn(rf"(?m)^{setting} = .*$", f"{setting} = {value}", config)
            assert count == 1
        shutil.copytree(trained_run, tmp_path / name)
        (tmp_path / name / "config.toml").write_text(config, encoding="utf-8")
        return tmp_path / name

    return copy


def test_a_text_that_has_changed_since_training_is_not_taken_for_the_model_s_own(
    copied: Callable[..., Path], small_text: Path, tmp_path: Path, mistake: Command
) -> None:
    shorter = tmp_path / "story.txt"
    shorter.write_bytes(small_text.read_bytes()[:5000])  # all of it was trained on
    run = copied("moved", text_path=f'"{shorter}"')
    assert "must be as it was when the model was trained on it" in mistake("evaluate", run)
    assert nextword("evaluate", run, shorter) == 0  # as it was asked for


def test_a_model_s_own_text_is_split_as_in_training_whether_it_is_named_or_not(
    copied: Callable[..., Path], small_text: Path, table_of: Json, mistake: Command
) -> None:
    less = {"valid_fraction": 0.01, "test_fraction": 0.01}
    now = sha256_of(small_text, TextOptions.from_table(less))
    run = copied("less", text_sha256=f'"{now}"', **{name: str(part) for name, part in less.items()})
    alone, named = table_of(run), table_of(run, small_text)
    assert alone["num_tokens"] == named["num_tokens"]
    other = copied("other")
    assert table_of(other)["num_tokens"] > 2 * alone["num_tokens"]
    for arguments in ((run, other), (run, other, small_text)):
        assert "these have read or split" in mistake("evaluate", *arguments)
    shuffled = {"text_order": "documents", "document": "line"}
    now = sha256_of(small_text, TextOptions.from_table(shuffled))
    run = copied("shuffled", text_sha256=f'"{now}"', **{name: f'"{value}"' for name, value in shuffled.items()})
    assert "these have read or split" in mistake("evaluate", run, other)


def test_models_that_know_different_words_are_not_compared(
    trained_run: Path, small_text: Path, tmp_path: Path, capsys: Captured, mistake: Command
) -> None:
    fewer = tmp_path / "fewer"
    sizes = "--hidden-sizes 8 --embedding-size 8 --maximum-vocabulary 9 --minimum-count 1 --start random"
    length = "--epochs 1 --batch-size 8 --num-steps 10 --compute-dtype float32"
    arguments = f"train {small_text} --preset quick --run {fewer} {sizes} {length}"
    assert nextword(*arguments.split()) == 0
    capsys.readouterr()
    assert "these read 0 and " in mistake("evaluate", trained_run, fewer, "--significance")
    assert nextword("evaluate", trained_run, fewer) == 0  # side by side they may stand


def test_models_stand_side_by_side(trained_run: Path, small_text: Path, printed: Command) -> None:
    lines = printed("evaluate", trained_run, trained_run / "model", small_text, "--significance").splitlines()
    assert lines[0].split() == [str(trained_run), str(trained_run / "model")]
    assert f"{trained_run / 'model'} against {trained_run}" in lines
    assert "p-value     1" in lines


@pytest.mark.parametrize(
    ("method", "settings"),
    [("dynamic", ("--dynamic-learning-rate", "1e-4")), ("mc_dropout", ("--dropout-num-samples", "2"))],
)
def test_methods_around_the_model_itself_leave_its_weights_as_they_are(
    trained_run: Path, table_of: Json, method: str, settings: tuple[str, str]
) -> None:
    weights = trained_run / "model" / "weights.safetensors"
    before = hashlib.sha256(weights.read_bytes()).digest()
    table = table_of(trained_run, "--method", method, *settings)
    static = table_of(trained_run)
    assert table["perplexity"] != static["perplexity"]
    assert table["perplexity"] == pytest.approx(static["perplexity"], rel=0.5)
    assert hashlib.sha256(weights.read_bytes()).digest() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "chache"], "did you mean `cache`"),
        (["--ensemble-weights", "1,1"], "`ensemble_weights` needs an ensemble"),
        (["--ensemble"], "`--ensemble` needs at least two models"),
        (["--significance"], "`--significance` needs two columns"),
        (["--tune"], "`--tune` needs a `--method`"),
        (["--tune", "--method", "mc_dropout"], "`--tune` needs a `--method` with settings to find"),
        (["--unit", "block"], "`--unit` needs `--significance`"),
        (["--method", "static", *CACHE, "--significance", "--batch-size", "2"], "`--batch-size` must be 1"),
        (["--method", "ngram", "--split", "all"], "`--split` must name one split"),
        (["--method", "ngram", "--split", "train"], "`--split` must not be `train`"),
    ],
)
def test_mistakes_are_said_in_one_line(trained_run: Path, arguments: list[str], message: str, mistake: Command) -> None:
    error = mistake("evaluate", trained_run, *arguments)
    assert message in error
    _, *hints = error.splitlines()
    assert all(hint.startswith("hint: ") for hint in hints)


def test_no_model_and_no_text_are_said(trained_run: Path, capsys: Captured, tmp_path: Path, mistake: Command) -> None:
    assert "RUN_OR_MODEL" in mistake("evaluate")
    assert "no such directory" in mistake("evaluate", tmp_path / "none")
    assert nextword("evaluate", trained_run, trained_run / "model") == 2
    assert "TEXT must be given if the models do not come from one text" in capsys.readouterr().err


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A bundle with a mixture."""
    return write_tiny_bundle(tmp_path / "mixed", mixes=True)


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The same model without a mixture."""
    return write_tiny_bundle(tmp_path / "before")


@pytest.fixture
def tiny_text(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.txt"
    path.write_text("it is so, and it was not so.\nso it was not.\n" * 20, encoding="utf-8")
    return path


def test_a_model_with_a_mixture_has_two_columns(
    mixed: Path, before: Path, tiny_text: Path, printed: Command, json_of: Json, table_of: Json
) -> None:
    static, used = json_of("evaluate", mixed, tiny_text)["evaluations"]
    assert [(table["label"], table["method"]) for table in (static, used)] == [
        ("static", "static"),
        ("as used", "mixture"),
    ]
    assert static["protocol"].endswith("; static: the network alone")
    assert used["protocol"].endswith("; as used: n-grams 0.3, cache of 5 tokens")
    assert (static["settings"], used["settings"]["mixture"]["cache_size"]) == ({}, 5)
    lines = printed("evaluate", mixed, tiny_text).splitlines()
    assert lines[0].split() == ["static", "as", "used"]
    assert lines[-2].startswith("(static: every token")
    assert lines[-1].startswith("(as used: every token")

    alone = table_of(before, tiny_text)
    assert alone["log_prob"] == static["log_prob"] == table_of(mixed, tiny_text, "--method", "static")["log_prob"]
    assert table_of(mixed, tiny_text, "--method", "mixture")["log_prob"] == used["log_prob"] != static["log_prob"]
    assert load(mixed).evaluate(tiny_text).log_prob == pytest.approx(used["log_prob"], abs=1e-4)
    assert printed("evaluate", before, tiny_text, "--method", "mixture") == printed("evaluate", before, tiny_text)


def test_columns_of_several_models_say_how_each_is_used(
    mixed: Path, before: Path, tiny_text: Path, json_of: Json
) -> None:
    tables = json_of("evaluate", mixed, before, tiny_text)["evaluations"]
    assert [table["label"] for table in tables] == [f"{mixed} static", f"{mixed} as used", f"{before} static"]


def test_an_ensemble_averages_the_networks(
    mixed: Path, before: Path, tiny_text: Path, table_of: Json, mistake: Command
) -> None:
    both, networks = (table_of(*pair, tiny_text, "--ensemble") for pair in ((mixed, mixed), (before, before)))
    assert both["log_prob"] == networks["log_prob"]
    assert both["label"] == "ensemble"
    said = mistake("evaluate", mixed, before, tiny_text, "--ensemble", "--method", "mixture")
    assert "`--method mixture` is for one model" in said


def test_the_cache_of_a_mixture_makes_the_unit_of_significance_a_block(
    mixed: Path, tiny_text: Path, json_of: Json
) -> None:
    (comparison,) = json_of("evaluate", mixed, tiny_text, "--significance")["significance"]
    assert (comparison["first"], comparison["second"], comparison["unit"]) == ("static", "as used", "block")


def test_keystrokes_are_those_of_the_model_as_used(mixed: Path, before: Path, tiny_text: Path, json_of: Json) -> None:
    def plain(*arguments: str | Path) -> Any:
        return json_of("evaluate", *arguments, "--keystrokes")["keystrokes"][0]

    used, static = plain(mixed, tiny_text), plain(mixed, tiny_text, "--method", "static")
    assert (used["label"], static["label"]) == ("tiny", "tiny")
    assert "as used: n-grams 0.3, cache of 5 tokens" in used["protocol"]
    assert "static: the network alone" in static["protocol"]
    assert static["slots"] == plain(before, tiny_text)["slots"] != used["slots"]
