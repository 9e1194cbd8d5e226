from pathlib import Path

import pytest

from nextword.diagnosis import measurements
from nextword.diagnosis.facts import Facts
from nextword.diagnosis.framework import Framework
from nextword.machine.capacity import Capacity
from nextword.machine.processor import Processor
from nextword.models import presets

TINY = """
description = "So small that a step takes no time."
[batching]
batch_size = 4
num_steps = 5
[model]
embedding_size = 8
hidden_sizes = [8, 8]
tied = true
output_dropout_rate = 0.1
[training]
schedule = "linear"
clip_norm = 1.0
"""


@pytest.fixture
def tiny_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a preset that is measured in no time."""
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    monkeypatch.setattr(presets, "_FOLDER", tmp_path)
    monkeypatch.setattr(measurements, "_TRAINING_SECONDS", 0.05)
    monkeypatch.setattr(measurements, "_PRODUCT_SECONDS", 0.01)
    return "tiny"


@pytest.fixture
def sound() -> Facts:
    """A machine and a framework at which there is nothing to repair."""
    features = {"AVX2": True, "AVX-512": True, "AVX512_BF16": True, "AMX-BF16": False}
    return Facts(
        system="Linux 6.1",
        python="3.13.1",
        processor=Processor(name="AMD EPYC", architecture="x86_64", features=features),
        capacity=Capacity(cores=8, machine_cores=8, memory_bytes=2**34, available_memory_bytes=2**33),
        gpus=(),
        framework=Framework(backend="jax", devices=("cpu",)),
        versions={"nextword": "0.1.0", "keras": "3.15.1", "jax": "0.12.0"},
        environment={},
        training_memory_bytes=2**30,
    )
