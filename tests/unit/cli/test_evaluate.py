import hashlib
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextword.api.trained_model import load
from nextword.bundle.store import write_bundle
from nextword.text.corpus import joined_sha256
from nextword.text.options import TextOptions
from nextword.text.sources.find import resolve_source
from support.commands import Captured, Command, Json, nextword
from support.tiny_bundle import write_tiny_bundle


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


def test_a_small_file_is_evaluated_as_a_whole(
    trained_run: Path, small_text: Path, table_of: Json, tmp_path: Path
) -> None:
    small = tmp_path / "small.txt"
    small.write_text("the cat drinks milk .\na dog eats bones .\n", encoding="utf-8")
    table = table_of(trained_run, small)
    assert (table["split"], table["num_tokens"]) == ("all", 12)
    assert table_of(trained_run, small_text)["split"] == table_of(trained_run)["split"] == "test"


@pytest.fixture
def cached_run(trained_run: Path, tmp_path: Path) -> Path:
    """The run, with a cache in its model."""
    run = tmp_path / "cached"
    shutil.copytree(trained_run, run)
    write_bundle(run / "model", load(run).with_weights(cache_weight=0.05).bundle, replace=True)
    return run


def test_columns_are_compared_with_the_first(trained_run: Path, cached_run: Path, json_of: Json) -> None:
    table = json_of("evaluate", cached_run, "--split", "train", "--significance")
    first, second = (evaluation["perplexity"] for evaluation in table["evaluations"])
    (comparison,) = table["significance"]
    assert (comparison["first"], comparison["second"]) == ("static", "as used")
    assert comparison["perplexity_ratio"] == pytest.approx(second / first, rel=1e-5)
    assert 0 < comparison["p_value"] <= 1
    (by_line,) = json_of("evaluate", trained_run, trained_run, "--split", "train", "--significance")["significance"]
    assert (comparison["unit"], by_line["unit"]) == ("block", "line")  # the cache learns as it reads
    assert comparison["num_units"] == math.ceil(by_line["num_units"] / 32)


def test_dynamic_evaluation_leaves_the_weights_as_they_are(trained_run: Path, json_of: Json) -> None:
    weights = trained_run / "model" / "weights.safetensors"
    before = hashlib.sha256(weights.read_bytes()).digest()
    methods = ("--method", "static", "--method", "dynamic", "--dynamic-learning-rate", "1e-4")
    static, dynamic = json_of("evaluate", trained_run, *methods)["evaluations"]
    assert dynamic["settings"]["dynamic"]["dynamic_learning_rate"] == 1e-4
    assert "; dynamic (dynamic_segment_length 20, dynamic_learning_rate 0.0001" in dynamic["protocol"]
    assert dynamic["perplexity"] != static["perplexity"]
    assert dynamic["perplexity"] == pytest.approx(static["perplexity"], rel=0.5)
    (both,) = json_of("evaluate", trained_run, trained_run, "--ensemble", *methods[2:])["evaluations"]
    assert both["perplexity"] == pytest.approx(dynamic["perplexity"], rel=1e-4)
    assert (both["label"], both["method"]) == ("ensemble,dynamic", "ensemble,dynamic")
    assert hashlib.sha256(weights.read_bytes()).digest() == before


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
    deduplicated = {"deduplicate": "documents", "document": "line"}
    now = sha256_of(small_text, TextOptions.from_table(deduplicated))
    run = copied("deduplicated", text_sha256=f'"{now}"', **{name: f'"{value}"' for name, value in deduplicated.items()})
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "cache"], "must be one of static, mixture, dynamic, but is 'cache'"),
        (["--dynamic-decay", "1"], "`--dynamic-decay` needs `--method dynamic`"),
        (["--max-tokens", "5"], "`--max-tokens` needs `--keystrokes`"),
        (["--keystrokes", "{run}", "--significance"], "`--significance` compares"),
        (["--keystrokes", "--batch-size", "2"], "`--batch-size` must be 1 for `--keystrokes`, but is 2"),
        (["--copied", "--keystrokes"], "`--keystrokes` and `--copied` are two measurements"),
        (["--copied", "--secret", "abc"], "a secret must have digits, or be in brackets"),
        (["--copied", "--batch-size", "2"], "`--batch-size` must be 1 for `--copied`"),
        (["none.txt", "--copied"], "`none.txt` is not a sample, file or folder"),
        (["--secret", "4711"], "`--secret` needs `--copied`"),
        (["--ensemble"], "`--ensemble` needs at least two models"),
        (["--significance"], "`--significance` needs two columns"),
        (["{run}", "--significance", "--batch-size", "2"], "`--batch-size` must be 1"),
        (["--method", "dynamic", "--split", "all"], "`--split` must be valid or test"),
        (["--method", "dynamic", "--split", "train"], "`--split` must be valid or test"),
        (["--ngram-weight", "0.5"], "a mixture without n-grams must have `ngram_weight` 0"),
    ],
)
def test_mistakes_are_said_in_one_line(trained_run: Path, arguments: list[str], message: str, mistake: Command) -> None:
    error = mistake("evaluate", trained_run, *(each.format(run=trained_run) for each in arguments))
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


def test_weights_of_the_mixture_replace_those_of_the_model(mixed: Path, tiny_text: Path, json_of: Json) -> None:
    static, used = json_of("evaluate", mixed, tiny_text, "--ngram-weight", "0", "--cache-weight", "0.2")["evaluations"]
    assert used["protocol"].endswith("; as used: cache of 5 tokens")
    assert used["settings"]["mixture"]["cache_weight"] == 0.2
    (alone,) = json_of("evaluate", mixed, tiny_text, "--ngram-weight", "0", "--cache-weight", "0")["evaluations"]
    assert (alone["label"], alone["log_prob"]) == ("static", static["log_prob"])


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


def test_keystrokes_are_those_of_the_model_as_used(mixed: Path, before: Path, tiny_text: Path, json_of: Json) -> None:
    def plain(*arguments: str | Path) -> Any:
        return json_of("evaluate", *arguments, "--keystrokes")["keystrokes"][0]

    used, static = plain(mixed, tiny_text), plain(mixed, tiny_text, "--method", "static")
    assert (used["label"], static["label"]) == ("tiny", "tiny")
    assert "as used: n-grams 0.3, cache of 5 tokens" in used["protocol"]
    assert "static: the network alone" in static["protocol"]
    assert static["slots"] == plain(before, tiny_text)["slots"] != used["slots"]
