from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.errors import BundleError
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-x", "a/b", "a\\b", "a b", "a\n", "a\0", "é", "a" * 65])
def test_a_name_that_could_not_be_a_file_is_refused(bundle: Bundle, name: str) -> None:
    with pytest.raises(BundleError, match="`name` must be 1 to 64 letters"):
        replace(bundle, name=name)


@pytest.mark.parametrize("name", ["a", "0", "tiny-1.0_b", "A" * 64])
def test_a_plain_name_is_taken(bundle: Bundle, name: str) -> None:
    assert replace(bundle, name=name).name == name


def test_a_tokenizer_of_another_size_is_refused(bundle: Bundle) -> None:
    tokenizer = Tokenizer("word", "line", Vocabulary(("<unk>", "<eos>", "It")))
    with pytest.raises(BundleError, match="must have the 6 tokens of the architecture, but has 3"):
        replace(bundle, tokenizer=tokenizer)


def test_a_missing_weight_is_refused(bundle: Bundle) -> None:
    weights = {name: weight for name, weight in bundle.weights.items() if name != "lstm_1/bias"}
    with pytest.raises(BundleError, match="`lstm_1/bias` is missing"):
        replace(bundle, weights=weights)


def test_a_weight_too_many_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="`lstm_2/bias` is one too many"):
        replace(bundle, weights={**bundle.weights, "lstm_2/bias": np.zeros(16, np.float32)})


def test_a_weight_of_another_shape_is_refused(bundle: Bundle) -> None:
    turned = bundle.weights["embedding/embeddings"].T
    with pytest.raises(BundleError, match=r"`embedding/embeddings` must have the shape \(6, 3\), but has \(3, 6\)"):
        replace(bundle, weights={**bundle.weights, "embedding/embeddings": turned})


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32])
def test_a_weight_of_another_type_is_refused(bundle: Bundle, dtype: type) -> None:
    weights: dict[str, Any] = {name: weight.astype(dtype) for name, weight in bundle.weights.items()}
    with pytest.raises(BundleError, match="`embedding/embeddings` must be float32"):
        replace(bundle, weights=weights)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 7, -1])
def test_a_weight_that_is_not_finite_is_refused(bundle: Bundle, value: float, place: int) -> None:
    weight = bundle.weights["lstm_0/kernel"].copy()
    weight.flat[place] = value
    with pytest.raises(BundleError, match="`lstm_0/kernel` must be finite"):
        replace(bundle, weights={**bundle.weights, "lstm_0/kernel": weight})
