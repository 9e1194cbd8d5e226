import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nextword.bundle.mixture import PackedNgrams
from nextword.bundle.store import read_bundle
from support.commands import Bundle, Command, Json
from support.tiny_bundle import write_tiny_bundle

WITHOUT_FRAMEWORKS = """
import sys
sys.modules.update(dict.fromkeys(["keras", "jax", "onnxruntime"]))
from nextword.cli.main import main
main(["info", *sys.argv[1:]])
"""


@pytest.fixture
def unfinished(trained_run: Path, tmp_path: Path) -> Path:
    """A run that has no model yet, in a folder whose name must be quoted."""
    run = Path(shutil.copytree(trained_run, tmp_path / "my run"))
    shutil.rmtree(run / "model")
    (run / "metrics.json").unlink()
    return run


def test_a_finished_run_is_described(trained_run: Path, printed: Command) -> None:
    lines = printed("info", trained_run).splitlines()
    facts = dict(re.split("  +", line, maxsplit=1) for line in lines[:12])
    assert (facts["model"], facts["run"], facts["preset"]) == ("story-quick", "finished", "quick")
    assert (facts["LSTM layers"], facts["embedding"]) == ("24, 16", "16, shared with the output")
    assert (facts["vocabulary"], facts["<eos>"]) == ("20 tokens, word", "at the end of each line")
    assert facts["progress"].startswith("round 6, ")
    assert facts["model card"] == str(trained_run / "model" / "README.md")
    assert [line.split()[0] for line in lines if line.startswith((" valid ", " test "))] == ["valid", "test"]
    assert any(line.endswith("  model/weights.safetensors") for line in lines)
    assert lines[-2].strip() == f'nextword suggest {trained_run} "the text so far" -k 5'
    assert lines[-1].strip().startswith(f"nextword generate {trained_run} ")


def test_json_has_the_figures_of_the_run(trained_run: Path, json_of: Json) -> None:
    table, metrics = (
        json_of("info", trained_run),
        json.loads((trained_run / "metrics.json").read_text(encoding="utf-8")),
    )
    assert (table["kind"], table["finished"], table["name"]) == ("run", True, metrics["model"])
    assert table["splits"] == metrics["splits"]
    assert table["num_parameters"] == metrics["num_parameters"]
    progress = {name: table["progress"][name] for name in ("round", "step", "best_round")}
    assert progress == {"round": metrics["rounds"], "step": metrics["steps"], "best_round": metrics["best_round"]}
    assert table["origin"]["preset"] == "quick"
    weights = trained_run / "model" / "weights.safetensors"
    assert table["files"]["model/weights.safetensors"] == weights.stat().st_size
    assert table["files"]["checkpoints/"] > 0
    assert not any("lock" in name for name in table["files"])


def test_a_bundle_is_described_and_its_weights_are_not_read(
    small_bundle: Bundle, json_of: Json, printed: Command
) -> None:
    path = small_bundle("character")
    (path / "weights.safetensors").write_bytes(b"")
    table = json_of("info", path)
    assert (table["kind"], table["name"], table["finished"]) == ("model", "small-character", True)
    assert table["tokenizer"] == {"kind": "character", "line_ends": "line"}
    assert (table["origin"], table["progress"], table["splits"]) == (None, None, [])
    assert table["files"]["weights.safetensors"] == 0
    shown = printed("info", path)
    assert "vocabulary   7 tokens, character" in shown
    assert f"figures      in the model card: nextword info {path} --card" in shown


def test_a_run_that_has_not_finished_shows_its_progress(unfinished: Path, json_of: Json, printed: Command) -> None:
    table = json_of("info", unfinished)
    assert (table["finished"], table["name"], table["num_parameters"], table["splits"]) == (False, None, None, [])
    assert table["progress"]["round"] == 6
    assert table["model"]["hidden_sizes"] == [24, 16]
    assert table["commands"] == [f"nextword train --{way} '{unfinished}'" for way in ("resume", "finish")]
    shown = printed("info", unfinished)
    assert "run          not finished" in shown
    assert "figures      none yet" in shown
    (unfinished / "log.jsonl").unlink()
    assert json_of("info", unfinished)["progress"] is None
    shown = printed("info", unfinished)
    assert "progress     no round has ended yet" in shown
    assert "--resume" in shown
    assert "--finish" not in shown  # there is no round to end at


@pytest.mark.parametrize(
    ("name", "content"),
    [("log.jsonl", b'{"round": 1}\n'), ("log.jsonl", b"\xff"), ("metrics.json", b"[]"), ("config.toml", b"=")],
)
def test_what_is_damaged_is_named(name: str, content: bytes, unfinished: Path, mistake: Command) -> None:
    (unfinished / name).write_bytes(content)
    line, hint = mistake("info", unfinished).splitlines()
    assert hint.startswith("hint: ")
    assert line.startswith("error: ")
    assert name in line


def test_the_sample_model_is_described_under_its_name(json_of: Json, printed: Command) -> None:
    table = json_of("info", "austen")
    assert (table["kind"], table["name"], table["finished"]) == ("model", "austen", True)
    assert set(table["files"]) == {
        *("config.json", "vocabulary.json", "spelling.json", "model.onnx", "README.md", "MANIFEST.json"),
        *("mixture.json", "ngrams.bin"),
    }
    assert table["commands"][0] == 'nextword suggest austen "the text so far" -k 5'
    assert printed("info", "austen").split()[:2] == ["model", "austen"]


def test_it_needs_no_framework(trained_run: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_FRAMEWORKS, str(trained_run), "--json"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(told.stdout)["name"] == "story-quick"
    assert told.stderr == ""


def test_the_card_of_a_run_or_a_model_is_printed(trained_run: Path, printed: Command, mistake: Command) -> None:
    for path in (trained_run, trained_run / "model"):
        assert printed("info", path, "--card") == (trained_run / "model" / "README.md").read_text(encoding="utf-8")
    assert "`--card` prints Markdown and must not go with `--json`" in mistake("info", trained_run, "--card", "--json")


def test_what_a_model_mixes_with_its_network_is_described(
    tmp_path: Path, printed: Command, json_of: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny_bundle(tmp_path / "mixed", mixes=True)
    assert json_of("info", write_tiny_bundle(tmp_path / "before"))["mixture"] is None
    bundle = read_bundle(path)
    assert bundle.mixture is not None
    assert bundle.mixture.ngrams is not None
    two, three = bundle.mixture.ngrams.num_ngrams
    monkeypatch.setattr(PackedNgrams, "from_bytes", None)  # the n-grams are not read
    assert json_of("info", path)["mixture"] == {
        "settings": bundle.mixture.settings.to_table(),
        "num_ngrams": {"2": two, "3": three},
    }
    facts = dict(re.split("  +", line, maxsplit=1) for line in printed("info", path).splitlines()[:12] if "  " in line)
    assert facts["as used"] == "mixes what follows with the network, unless the method is static"
    assert facts["n-grams"] == f"weight 0.3; {two:,} of 2 tokens, {three:,} of 3 tokens, from the training text"
    assert facts["cache"] == "weight 0.4 of 5 tokens without the latest 2, theta 0.7, decay 0.1, sentinel 2"
