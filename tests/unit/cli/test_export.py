import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from nextword.bundle.store import read_bundle, write_bundle
from nextword.cli.options import target as module
from nextword.disk import sealed_directory
from nextword.display.page import model_page as page_module
from nextword.display.page.page_facts import PageFacts
from nextword.engine.keras.keras_engine import KerasEngine
from nextword.engine.onnx_engine import OnnxEngine
from nextword.engine.opening import open_model

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    """A finished run that may be changed."""
    return copytree(trained_run, tmp_path / "run")


def test_a_run_is_exported_and_suggests_as_before(run: Path, nextword: Run, capsys: Captured, tmp_path: Path) -> None:
    suggest = ("suggest", run, "the cat sat on the", "-k", "3", "--json")
    assert nextword(*suggest) == 0
    before = capsys.readouterr().out
    assert nextword("export", run, "--keras-output", tmp_path / "story.keras") == 0
    said = capsys.readouterr()
    assert "model.onnx holds the model in float32" in said.out
    assert said.out.endswith(f"model: {run / 'model'}\nKeras: {tmp_path / 'story.keras'}\n")
    assert said.err == "comparing with the Keras engine ...\n"
    assert "## Export" in (run / "model" / "README.md").read_text(encoding="utf-8")
    assert nextword(*suggest) == 0
    after = capsys.readouterr().out
    texts, expected = ([each["text"] for each in json.loads(out)["suggestions"]] for out in (after, before))
    assert len(texts) == 3
    assert texts == expected


def test_int8_is_measured_on_the_text_of_the_run(run: Path, nextword: Run, capsys: Captured) -> None:
    assert nextword("export", run, "--int8", "--max-loss-percent", "50") == 0
    assert "In int8 the perplexity of story.txt, valid is" in capsys.readouterr().out
    assert "In int8 the perplexity of story" in read_bundle(run / "model").card


def test_int8_that_costs_too_much_is_refused_in_a_line(run: Path, nextword: Run, capsys: Captured) -> None:
    before = sealed_directory.read(run / "model")
    assert nextword("export", run, "--int8", "--max-loss-percent", "-1") == 2
    assert "`max_loss_percent` must be at least 0.0, but is -1.0" in capsys.readouterr().err
    assert sealed_directory.read(run / "model") == before


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--split", "test"), "`--split` needs a TEXT"),
        (("--max-loss-percent", "2"), "`--max-loss-percent` needs `--int8`"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    run: Path, nextword: Run, capsys: Captured, option: tuple[str, str], message: str
) -> None:
    assert nextword("export", run, *option) == 2
    assert message in capsys.readouterr().err


def test_a_bundle_needs_a_text_to_measure_int8_on(run: Path, nextword: Run, capsys: Captured, small_text: Path) -> None:
    assert nextword("export", run / "model", "--int8") == 2
    assert "TEXT must be given" in capsys.readouterr().err
    options = ("--split", "all", "--max-loss-percent", "50")
    assert nextword("export", run / "model", small_text, "--int8", *options) == 0
    assert "perplexity of story.txt, all is" in capsys.readouterr().out


def test_a_command_takes_the_engine_that_it_is_told(
    run: Path, nextword: Run, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def remembered(*args: Any) -> object:
        model = open_model(*args)
        opened.append(type(model.engine))
        return model

    monkeypatch.setattr(module, "open_model", remembered)
    bundle = read_bundle(run / "model")
    write_bundle(run / "model", dataclasses.replace(bundle, onnx=None), replace=True)
    assert nextword("suggest", run, "the cat", "--engine", "onnx") == 2
    assert "create it with `nextword export`" in capsys.readouterr().err
    assert nextword("export", run) == 0
    for name in ("auto", "onnx", "keras"):
        assert nextword("suggest", run, "the cat", "--engine", name) == 0
    assert nextword("suggest", run, "the cat") == 0
    assert opened == [OnnxEngine, OnnxEngine, KerasEngine, OnnxEngine]
    assert nextword("suggest", run, "the cat", "--engine", "torch") == 2


def test_a_slim_copy_is_written_and_works(run: Path, nextword: Run, capsys: Captured, tmp_path: Path) -> None:
    before, slim = sealed_directory.read(run / "model"), tmp_path / "slim"
    assert nextword("export", run, "--int8", "--slim", "--max-loss-percent", "50", "-o", slim) == 0
    assert capsys.readouterr().out.endswith(f"model: {slim}\n")
    assert sealed_directory.read(run / "model") == before
    assert set(sealed_directory.read(slim)) == {
        *("config.json", "tokenizer.json", "spelling.json", "model.onnx", "README.md")
    }
    assert nextword("suggest", slim, "the cat sat on the") == 0
    assert nextword("info", slim) == 0
    assert nextword("vectors", slim, "--nearest", "cat") == 0
    capsys.readouterr()
    for command in (("suggest", slim, "the cat", "--engine", "keras"), ("export", slim)):
        assert nextword(*command) == 2
        line, hint = capsys.readouterr().err.splitlines()
        assert hint == "hint: use the model that it was exported from, or run it with onnxruntime"
        assert "must have its float32 weights for this, but is a slim copy" in line


def test_a_slim_copy_needs_a_place_of_its_own(run: Path, nextword: Run, capsys: Captured, tmp_path: Path) -> None:
    assert nextword("export", run, "--slim") == 2
    assert "`--slim` needs `--output`, because the model itself would lose its float32" in capsys.readouterr().err
    assert nextword("export", run, "--slim", "--output", tmp_path) == 2
    assert "`--output` must name a new directory" in capsys.readouterr().err


def test_a_run_is_written_as_a_page_and_stays_as_it_is(
    run: Path, nextword: Run, capsys: Captured, tmp_path: Path
) -> None:
    before, page = sealed_directory.read(run / "model"), tmp_path / "story.html"
    assert nextword("export", run, "--html", page) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"page: {page}, 0.")
    assert f"open: double-click the file, or enter {page.as_uri()} in a browser" in said.out
    assert said.out.endswith("\npassage: none; `--passage` adds held-out text to read and to guess\n")
    assert said.err == ""
    assert sealed_directory.read(run / "model") == before
    assert nextword("export", run, "--html", page, "--passage", "--json") == 0
    table = json.loads(capsys.readouterr().out)
    size = page.stat().st_size
    assert table == {"html": str(page), "html_bytes": size, "has_bigrams": True, "has_passage": True}


def test_the_page_holds_the_figures_and_the_passage_of_a_run(
    run: Path, nextword: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def remembered(_path: Path, _bundle: object, **parts: object) -> int:
        made.append(parts)
        return 0

    monkeypatch.setattr(page_module, "write_html", remembered)
    assert nextword("export", run, "--html", tmp_path / "story.html", "--passage") == 0
    (parts,) = made
    assert "the cat sat on the mat .\nthe dog ate the bone .\n" in str(parts["passage"])
    facts = parts["facts"]
    assert isinstance(facts, PageFacts)
    assert {"perplexity (valid)", "accuracy (test)", "parameters", "weights in this page"} <= set(facts.figures)
    assert len(facts.curve) == 6
    assert len(facts.model_hash) == 12


def test_a_page_and_an_onnx_export_in_one_command(run: Path, nextword: Run, capsys: Captured, tmp_path: Path) -> None:
    page = tmp_path / "story.html"
    assert nextword("export", run, "--int8", "--max-loss-percent", "50", "--html", page) == 0
    assert f"page: {page}, 0." in capsys.readouterr().out
    assert read_bundle(run / "model").onnx is not None


def test_a_model_without_its_text_has_a_page_without_bigrams(
    run: Path, nextword: Run, capsys: Captured, small_text: Path, tmp_path: Path
) -> None:
    page = tmp_path / "story.html"
    assert nextword("export", run / "model", "--html", page, "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["has_bigrams"] is False
    assert "The training text is not known; the page has no bigrams." in said.err
    assert nextword("export", run / "model", "--html", page, "--passage") == 2
    assert "`--passage` needs a text" in capsys.readouterr().err
    assert nextword("export", run / "model", small_text, "--html", page, "--json") == 0
    assert json.loads(capsys.readouterr().out)["has_bigrams"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--passage",), "`--passage` needs `--html FILE`"),
        (("--html", "page.html", "--split", "test"), "`--split` needs a TEXT to measure the perplexity on"),
        (("--html", "missing/page.html"), "must be in a folder that exists"),
    ],
)
def test_an_option_of_the_page_that_would_do_nothing_is_refused(
    run: Path,
    nextword: Run,
    capsys: Captured,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert nextword("export", run, *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_another_file_is_not_replaced_by_a_page(run: Path, nextword: Run, capsys: Captured, tmp_path: Path) -> None:
    page = tmp_path / "notes.html"
    page.write_text("mine", encoding="utf-8")
    for more in ((), ("--int8", "--max-loss-percent", "50")):
        assert nextword("export", run, "--html", page, *more) == 2
        assert "must be a page of nextword to be replaced, but is another file" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == "mine"


def test_a_page_needs_no_training_framework(tmp_path: Path) -> None:
    program = (
        "import sys; from nextword.cli.main import main\n"
        f"try:\n main(['export', 'austen', '--html', {str(tmp_path / 'austen.html')!r}])\n"
        "except SystemExit: pass\n"
        "print(sorted({'keras', 'jax', 'onnx', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    assert (tmp_path / "austen.html").is_file()
