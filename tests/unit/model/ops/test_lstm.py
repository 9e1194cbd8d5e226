from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nextword.model.ops import lstm_jax
from nextword.model.ops.lstm import LSTMState, lstm, lstm_path, lstm_reference


def arguments() -> tuple[Any, LSTMState, dict[str, Any]]:
    random = np.random.default_rng(3)
    shapes = {"kernel": (3, 16), "recurrent_kernel": (4, 16), "bias": (16,)}
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    state = LSTMState(*random.normal(size=(2, 2, 4)).astype(np.float32))
    return random.normal(size=(2, 5, 3)).astype(np.float32), state, weights


def test_other_backends_use_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.backend.backend", lambda: "another")
    monkeypatch.delattr(lstm_jax, "lstm_recurrence")
    inputs, state, weights = arguments()
    hiddens, _ = lstm(inputs, state, **weights)
    np.testing.assert_array_equal(hiddens, lstm_reference(inputs, state, **weights)[0])


# The choice of cuDNN.


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Pretend that JAX's default device is an NVIDIA GPU, with a fake cuDNN LSTM."""
    device = SimpleNamespace(platform="gpu", client=SimpleNamespace(platform_version="PJRT C API\ncuda 12080"))
    monkeypatch.setattr(lstm_jax, "default_device", lambda: device)
    monkeypatch.setattr(lstm_jax, "cudnn_recurrence", lambda *_arguments: (np.zeros((LARGE, 2, 4)), 0, 0))
    return device


LARGE = 128  # steps of two rows: 256 tokens


def uses_cudnn(num_steps: int = LARGE, **options: Any) -> bool:
    _, state, weights = arguments()
    hiddens, _ = lstm(np.ones((2, num_steps, 3), np.float32), state, **{**weights, **options})
    return not np.any(hiddens)


def test_a_cpu_uses_the_scan() -> None:
    assert not lstm_jax.cudnn_is_available()
    assert not uses_cudnn()
    assert lstm_path() == "a scan with a custom gradient"


@pytest.mark.usefixtures("card")
def test_an_nvidia_gpu_uses_cudnn_for_large_windows_in_float32() -> None:
    assert uses_cudnn()
    assert not uses_cudnn(LARGE - 1)
    assert not uses_cudnn(compute_dtype="bfloat16")
    assert lstm_path().startswith("cuDNN for large windows in float32")


@pytest.mark.usefixtures("card")
def test_a_modulated_state_uses_the_scan() -> None:
    assert not uses_cudnn(modulation=np.ones((2, LARGE, 4), np.float32))


def test_another_gpu_uses_the_scan(card: SimpleNamespace) -> None:
    card.client.platform_version = "rocm 70000"
    assert not uses_cudnn()


@pytest.mark.usefixtures("card")
def test_a_distributed_batch_uses_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.distribution.distribution", object)
    assert not uses_cudnn()


@pytest.mark.parametrize(("backend", "message"), [("jax", "scan"), ("torch", "reference"), ("numpy", "reference")])
def test_the_path_has_a_description(monkeypatch: pytest.MonkeyPatch, backend: str, message: str) -> None:
    monkeypatch.setattr("keras.backend.backend", lambda: backend)
    assert message in lstm_path()
