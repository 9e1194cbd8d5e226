import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nextword.cli import doctor as module
from nextword.cli.doctor import choose_compute_dtype, measure
from nextword.model.ops import lstm, precision
from nextword.system import facts
from nextword.system.cache import cached_folder
from nextword.system.framework import Framework
from nextword.training.config import RunConfig
from support.commands import Captured, Command, Json, nextword

WITHOUT_FRAMEWORK = """
import sys
sys.modules.update(dict.fromkeys(("keras", "jax", "jaxlib")))  # as if they were not installed
from nextword.cli.main import main
main(["doctor", *sys.argv[1:]])
"""


def _fill(folder: Path) -> None:
    (folder / "ids.int32").write_bytes(bytes(2_000_000))


def test_looking_alone_measures_nothing(monkeypatch: pytest.MonkeyPatch, printed: Command) -> None:
    monkeypatch.delattr(module, "measure")
    told = printed("doctor", "--no-measure")
    for word in ("processor", "cores", "memory", "packages", "Keras backend", "LSTM path"):
        assert f"{word} " in told
    assert "words/s" not in told


@pytest.mark.usefixtures("tiny_preset")
def test_what_was_measured_is_told_as_measured(printed: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ["the scan"]
    monkeypatch.setattr(lstm, "lstm_path", lambda: chosen[-1])

    def choosing(*given: Any) -> Any:
        chosen.append("cuDNN")
        return measure(*given)

    monkeypatch.setattr(module, "measure", choosing)
    told = " ".join(printed("doctor", "--preset", "tiny").split())
    for words in ("training tiny", "words/s, measured over", "and is used from 1.3 times on", "cuDNN"):
        assert words in told
    assert "% of the fastest matrix product" in told


@pytest.mark.usefixtures("tiny_preset")
def test_programs_are_told_in_json(json_of: Json) -> None:
    table = json_of("doctor", "--preset", "tiny")
    assert table["framework"]["backend"] == "jax"
    measured = table["measurements"]
    peak = measured["product_peaks_flops_per_second"][measured["compute_dtype"]]
    assert measured["training"]["share_of_peak"] == measured["training"]["flops_per_second"] / peak
    assert json_of("doctor", "--preset", "tiny", "--no-measure")["measurements"] is None


def test_problems_end_in_one_only_where_strict(monkeypatch: pytest.MonkeyPatch, printed: Command) -> None:
    monkeypatch.setenv("JAX_DISABLE_JIT", "1")
    monkeypatch.setattr(facts, "read_framework", lambda: Framework(backend="[torch]", missing="torch"))
    told = printed("doctor", "--no-measure")
    assert "problem: the Keras backend [torch] needs `torch`, which is not installed" in told  # no markup of rich
    assert "hint: install `torch`, or set KERAS_BACKEND=jax" in told
    assert nextword("doctor", "--no-measure", "--strict") == 1
    monkeypatch.setattr(module, "find_problems", lambda _facts: ())
    assert "no problems found" in printed("doctor", "--no-measure", "--strict")


def test_the_base_install_is_told_what_it_lacks() -> None:
    command = [sys.executable, "-c", WITHOUT_FRAMEWORK, "--json"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    table = json.loads(told.stdout)
    assert table["framework"]["missing"] == "keras"
    assert table["problems"][0]["code"] == "no-training-extra"
    assert table["measurements"] is None
    assert told.stderr == ""


@pytest.mark.parametrize(
    ("speedup", "asked", "chosen", "reason"),
    [
        (1.9, "auto", "bfloat16", "bfloat16 is 1.90 times as fast as float32 here, and is used from 1.3 times on"),
        (0.4, "auto", "float32", "bfloat16 is 0.40 times as fast as float32 here, and is used from 1.3 times on"),
        (1.9, "float32", "float32", "the preset asks for it"),
    ],
)
def test_the_precision_is_the_one_that_training_takes(
    speedup: float, asked: str, chosen: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: speedup)
    config = RunConfig.of("quick", {"training": {"compute_dtype": asked}})
    assert choose_compute_dtype(config) == (chosen, reason)


def test_the_cache_is_shown_and_cleared(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch, printed: Command, json_of: Json
) -> None:
    monkeypatch.setenv("NEXTWORD_CACHE", str(tmp_path))
    monkeypatch.setenv("NEXTWORD_CACHE_GB", "1.5")
    assert printed("doctor", "--cache") == f"{tmp_path}: 0.0 MB of at most 1.5 GB\n"
    folder = cached_folder(tmp_path / f"tokens-{1:064x}", _fill)
    shown = printed("doctor", "--cache")
    assert "tokens  1 entry  2.0 MB  token ids and vocabularies of texts" in shown
    assert "unfinished" not in shown  # the lock of the folder is nothing that was interrupted
    table = json_of("doctor", "--cache")
    assert (table["folder"], table["limit"]) == (str(tmp_path), 1_500_000_000)
    assert str(folder) in [entry["path"] for entry in table["entries"]]
    assert nextword("doctor", "--clear-cache") == 0
    assert f"removed 2.0 MB from `{tmp_path}`" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
