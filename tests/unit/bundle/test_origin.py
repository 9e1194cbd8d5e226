"""Sample models are found by name, and are not written to."""

from dataclasses import replace
from pathlib import Path

import pytest

from nextword.bundle.bundle import Bundle
from nextword.bundle.origin import SAMPLE_MODELS, sample_model_name, sample_model_path
from nextword.bundle.store import write_bundle
from nextword.errors import BundleError
from nextword.text.sources.samples import SAMPLES


def test_each_sample_model_has_a_sample_text_of_its_name() -> None:
    assert set(SAMPLE_MODELS) <= set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLE_MODELS)
def test_a_sample_model_is_known_by_its_directory(name: str, tmp_path: Path) -> None:
    path = sample_model_path(name)
    (tmp_path / "link").symlink_to(path)
    assert sample_model_name(path) == sample_model_name(tmp_path / "link") == name
    assert sample_model_name(path.parent) is None
    assert sample_model_name(tmp_path / name) is None


@pytest.mark.parametrize("make_slim", [False, True])
def test_a_sample_model_is_never_replaced(bundle: Bundle, *, make_slim: bool) -> None:
    exported = replace(bundle, onnx=bytes(300))
    with pytest.raises(BundleError, match="the sample model `austen` is part of nextword and is read-only"):
        write_bundle(sample_model_path("austen"), exported.to_slim() if make_slim else exported, replace=True)
