import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from nextword.bundle.store import read_bundle, write_bundle
from nextword.cli.options import target as module
from nextword.display.page import html_file as page_module
from nextword.display.page.page_facts import PageFacts
from nextword.engine.keras_engine import KerasEngine
from nextword.engine.onnx_engine import OnnxEngine
from nextword.engine.opening import open_model
from nextword.system import sealed_directory
from support.commands import Captured, Command, Json, nextword


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    """A finished run that may be changed."""
    return copytree(trained_run, tmp_path / "run")


def test_a_run_is_exported_and_suggests_as_before(
    run: Path, capsys: Captured, tmp_path: Path, printed: Command
) -> None:
    suggest = ("suggest", run, "the cat sat on the", "-k", "3", "--json")
    before = printed(*suggest)
    assert nextword("export", run, "--keras-output", tmp_path / "story.keras") == 0
    said = capsys.readouterr()
    assert "model.onnx holds the model in float32" in said.out
    assert said.out.endswith(f"model: {run / 'model'}\nKeras: {tmp_path / 'story.keras'}\n")
    assert said.err == "comparing with the Keras engine ...\n"
    assert "## Export" in (run / "model" / "README.md").read_text(encoding="utf-8")
    after = printed(*suggest)
    texts, expected = ([each["text"] for each in json.loads(out)["suggestions"]] for out in (after, before))
    assert len(texts) == 3
    assert texts == expected


def test_a_bundle_needs_a_text_to_measure_int8_on(
    run: Path, small_text: Path, printed: Command, mistake: Command
) -> None:
    assert "TEXT must be given" in mistake("export", run / "model", "--int8")
    options = ("--split", "all", "--max-loss-percent", "50")
    assert "perplexity of story.txt, all is" in printed("export", run / "model", small_text, "--int8", *options)


def test_a_command_takes_the_engine_that_it_is_told(
    run: Path, monkeypatch: pytest.MonkeyPatch, mistake: Command
) -> None:
    opened = []

    def remembered(*args: Any, **options: Any) -> object:
        model = open_model(*args, **options)
        opened.append(type(model.engine))
        return model

    monkeypatch.setattr(module, "open_model", remembered)
    bundle = read_bundle(run / "model")
    write_bundle(run / "model", dataclasses.replace(bundle, onnx=None), replace=True)
    assert "create it with `nextword export`" in mistake("suggest", run, "the cat", "--engine", "onnx")
    assert nextword("export", run) == 0
    for name in ("auto", "onnx", "keras"):
        assert nextword("suggest", run, "the cat", "--engine", name) == 0
    assert nextword("suggest", run, "the cat") == 0
    assert opened == [OnnxEngine, OnnxEngine, KerasEngine, OnnxEngine]
    assert nextword("suggest", run, "the cat", "--engine", "torch") == 2


def test_a_slim_copy_is_written_and_works(run: Path, capsys: Captured, tmp_path: Path, mistake: Command) -> None:
    before, slim = sealed_directory.read(run / "model"), tmp_path / "slim"
    assert nextword("export", run, "--int8", "--slim", "--max-loss-percent", "50", "-o", slim) == 0
    assert capsys.readouterr().out.endswith(f"model: {slim}\n")
    assert sealed_directory.read(run / "model") == before
    assert set(sealed_directory.read(slim)) == {
        *("config.json", "vocabulary.json", "spelling.json", "model.onnx", "README.md")
    }
    assert nextword("suggest", slim, "the cat sat on the") == 0
    assert nextword("info", slim) == 0
    capsys.readouterr()
    for command in (("suggest", slim, "the cat", "--engine", "keras"), ("export", slim)):
        line, hint = mistake(*command).splitlines()
        assert hint == "hint: use the model that it was exported from, or run it with onnxruntime"
        assert "must have its float32 weights for this, but is a slim copy" in line


def test_a_slim_copy_needs_a_place_of_its_own(run: Path, capsys: Captured, tmp_path: Path, mistake: Command) -> None:
    assert nextword("export", run, "--slim") == 2
    assert "`--slim` needs `--output`, because the model itself would lose its float32" in capsys.readouterr().err
    assert "`--output` must name a new directory" in mistake("export", run, "--slim", "--output", tmp_path)


def test_a_run_is_written_as_a_page_and_stays_as_it_is(
    run: Path, capsys: Captured, tmp_path: Path, json_of: Json
) -> None:
    before, page = sealed_directory.read(run / "model"), tmp_path / "story.html"
    assert nextword("export", run, "--html", page) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"page: {page}, 0.")
    assert f"open: double-click the file, or enter {page.as_uri()} in a browser" in said.out
    assert said.out.endswith("\npassage: none; `--passage` adds held-out text to read and to guess\n")
    assert said.err == ""
    assert sealed_directory.read(run / "model") == before
    table = json_of("export", run, "--html", page, "--passage")
    size = page.stat().st_size
    assert table == {"html": str(page), "html_bytes": size, "has_passage": True}


def test_the_page_holds_the_figures_and_the_passage_of_a_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_an_export_with_a_page_takes_a_split_of_the_text(
    run: Path, small_text: Path, tmp_path: Path, printed: Command
) -> None:
    output, page = tmp_path / "new", tmp_path / "story.html"
    told = printed("export", run, small_text, "-o", output, "--html", page, "--split", "test")
    assert f"model: {output}\npage: {page}, 0." in told


def test_a_model_without_its_text_has_a_page_without_a_passage(
    run: Path, small_text: Path, tmp_path: Path, mistake: Command, json_of: Json
) -> None:
    page = tmp_path / "story.html"
    assert json_of("export", run / "model", "--html", page)["has_passage"] is False
    assert "`--passage` needs a text" in mistake("export", run / "model", "--html", page, "--passage")
    assert json_of("export", run / "model", small_text, "--html", page, "--passage")["has_passage"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--split", "test"), "`--split` needs a TEXT"),
        (("--max-loss-percent", "2"), "`--max-loss-percent` needs `--int8`"),
        (("--passage",), "`--passage` needs `--html FILE`"),
        (("--html", "page.html", "--split", "test"), "`--split` needs an export, not only a page"),
        (("--html", "missing/page.html"), "must be in a folder that exists"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], message: str, mistake: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in mistake("export", run, *options)
    assert not (tmp_path / "page.html").exists()


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
