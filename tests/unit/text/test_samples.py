import hashlib
from pathlib import Path

import pytest

from nextword.text import download
from nextword.text.samples import SAMPLES, sample_path


def refuse(name: str, folder: Path) -> Path:
    raise AssertionError("nothing is to be downloaded")


def test_austen_lies_in_the_package_and_is_the_one_that_its_readme_describes() -> None:
    path = sample_path("austen")
    readme = path.with_name("README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in readme


@pytest.mark.parametrize("name", ["ptb", "wikitext-2"])
def test_a_sample_is_found_in_the_data_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "fetch", refuse)
    argument, variable = tmp_path / "argument", tmp_path / "variable"
    for folder in (argument, variable):
        (folder / name).mkdir(parents=True)
    monkeypatch.setenv("NEXTWORD_DATA", str(variable))
    assert sample_path(name) == variable / name
    assert sample_path(name, data_dir=argument) == argument / name


@pytest.mark.parametrize("variable", ["", "elsewhere"])
def test_a_sample_that_is_not_there_is_downloaded_into_the_cache(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTWORD_DATA", variable and str(tmp_path / variable))
    monkeypatch.setattr(download, "fetch", lambda _, folder: folder)
    assert sample_path("ptb", cache_dir=tmp_path) == tmp_path / "samples" / "ptb"


def test_the_sums_of_downloads_are_those_of_the_corpora(data_dir: Path) -> None:
    for name in SAMPLES[1:]:
        if not (data_dir / name).is_dir():
            pytest.skip(f"needs {name}: set NEXTWORD_DATA to a folder that holds it")
        for file, expected in download.DOWNLOADS[name].sums.items():
            assert hashlib.sha256((data_dir / name / file).read_bytes()).hexdigest() == expected
