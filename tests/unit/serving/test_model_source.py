"""The served model is the stored one, with its methods, and says which weights it has."""

import hashlib
import shutil
from pathlib import Path

import pytest

from nextword.bundle.samples import sample_model_path
from nextword.engine.methods.chain import methods_of
from nextword.errors import BundleError, SettingError
from nextword.serving.served_model import ModelSource


def test_the_model_is_loaded_with_the_hash_of_its_weights() -> None:
    path = sample_model_path("austen")
    served = ModelSource(path, max_active=3).load()
    assert served.name == "austen"
    assert served.hash == hashlib.sha256((path / "model.onnx").read_bytes()).hexdigest()
    assert served.max_active == 3
    assert (served.methods, served.learns) == ("", False)
    served.scheduler.close()


def test_methods_are_applied_with_their_settings() -> None:
    source = ModelSource(
        sample_model_path("austen"), methods=methods_of(["cache"]), tables={"cache": {"cache_size": 50}}
    )
    served = source.load()
    assert "cache_size 50" in served.methods
    assert served.learns
    served.scheduler.close()


def test_a_method_that_reads_the_text_needs_one() -> None:
    with pytest.raises(BundleError, match="serve the run"):
        ModelSource(sample_model_path("austen"), methods=methods_of(["ngram"])).load()


def test_a_setting_out_of_range_is_refused() -> None:
    source = ModelSource(
        sample_model_path("austen"), methods=methods_of(["cache"]), tables={"cache": {"cache_size": 0}}
    )
    with pytest.raises(SettingError, match="cache_size"):
        source.load()


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    copy = shutil.copytree(sample_model_path("austen"), tmp_path / "copy")
    damaged = bytearray((copy / "model.onnx").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (copy / "model.onnx").write_bytes(damaged)
    with pytest.raises(BundleError, match=r"model\.onnx"):
        ModelSource(copy).load()
