"""The fast path of the mixture has the reference's values and gradients for all chunk sizes, in less memory."""

from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nextword.model.ops import mixture_cross_entropy_jax
from nextword.model.ops.cross_entropy import TokenLosses
from nextword.model.ops.mixture_cross_entropy import mixture_cross_entropy, mixture_cross_entropy_reference
from support.arrays import assert_near
from support.compiled_memory import temporary_bytes

INCOMING = 1.7  # gradient of the total


class Case(NamedTuple):
    num_rows: int = 7
    mixture_size: int = 3
    latent_size: int = 4
    vocabulary_size: int = 5
    chunk_rows: int = 2
    tied: bool = False


def drawn(case: Case, seed: int = 0) -> tuple[dict[str, Any], Any, Any]:
    random = np.random.default_rng(seed)
    shapes = {
        "latents": (case.num_rows, case.mixture_size, case.latent_size),
        "kernel": (case.latent_size, case.vocabulary_size),
        "bias": (case.vocabulary_size,),
    }
    arrays = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    if case.tied:
        arrays["kernel"] = np.ascontiguousarray(arrays["kernel"].T)
    priors = random.dirichlet(np.ones(case.mixture_size), case.num_rows)
    arrays["log_priors"] = np.log(priors + 1e-6).astype(np.float32)
    targets = random.integers(case.vocabulary_size, size=case.num_rows, dtype=np.int32)
    weights = (random.uniform(0.5, 2, case.num_rows) * (random.random(case.num_rows) > 0.3)).astype(np.float32)
    return arrays, targets, weights


def losses_and_gradients(
    case: Case, seed: int = 0, compute_dtype: str | None = "float32"
) -> tuple[TokenLosses, dict[str, Any]]:
    """Return the losses and the gradients of the scaled total; without a precision, those of the reference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixture_cross_entropy_jax, "_chunk_rows", lambda _vocabulary, _mixture: case.chunk_rows)
        found: tuple[dict[str, Any], TokenLosses] = compiled(compute_dtype, case.tied, case.chunk_rows)(
            *drawn(case, seed)
        )
    return found[1], found[0]


@cache
def compiled(compute_dtype: str | None, tied: bool, _chunk_rows: int) -> Any:
    def total(arrays: dict[str, Any], targets: Any, weights: Any) -> tuple[Any, TokenLosses]:
        rows = (arrays["latents"], arrays["log_priors"], targets, weights)
        projection = {"kernel": arrays["kernel"], "bias": arrays["bias"], "tied": tied}
        if compute_dtype is None:
            losses = mixture_cross_entropy_reference(*rows, **projection)
        else:
            losses = mixture_cross_entropy(*rows, **projection, compute_dtype=compute_dtype)
        return INCOMING * losses.total, losses

    return jax.jit(jax.grad(total, has_aux=True))


def assert_paths_agree(case: Case, seed: int, compute_dtype: str, tolerance: float) -> None:
    fast, fast_gradients = losses_and_gradients(case, seed, compute_dtype)
    reference, reference_gradients = losses_and_gradients(case, seed, None)
    assert_near(fast[:2], reference[:2], tolerance)
    assert_near(fast_gradients, reference_gradients, tolerance)
    if compute_dtype == "float32":
        np.testing.assert_array_equal(fast.hit, reference.hit)


sizes = st.integers(1, 6)
cases = st.builds(Case, sizes, sizes, sizes, st.integers(2, 7), st.integers(1, 4), st.booleans())


@settings(max_examples=2)
@given(cases, st.integers(0, 2**32 - 1))
@example(Case(num_rows=1, chunk_rows=4), 0).via("fewer rows than a chunk")
@example(Case(num_rows=7, chunk_rows=3, tied=True), 0).via("a last chunk with padding")
@example(Case(mixture_size=1, latent_size=1, vocabulary_size=2), 0)
def test_values_and_gradients_match_the_reference(case: Case, seed: int) -> None:
    assert_paths_agree(case, seed, "float32", tolerance=1e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_the_lower_precision_is_close(tied: bool) -> None:
    assert_paths_agree(Case(tied=tied), 0, "bfloat16", tolerance=3e-2)
    exact, coarse = (losses_and_gradients(Case(tied=tied), 0, dtype)[0] for dtype in ("float32", "bfloat16"))
    assert not np.array_equal(exact.negative_log_likelihood, coarse.negative_log_likelihood)


@pytest.mark.parametrize("ranks", [False, True])
def test_results_do_not_depend_on_the_chunk_size(ranks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays, targets, weights = drawn(Case())

    def losses(chunk_rows: int) -> TokenLosses:
        monkeypatch.setattr(mixture_cross_entropy_jax, "_chunk_rows", lambda _vocabulary, _mixture: chunk_rows)
        projection = {"kernel": arrays["kernel"], "bias": arrays["bias"]}
        return mixture_cross_entropy(
            arrays["latents"], arrays["log_priors"], targets, weights, ranks=ranks, **projection
        )

    whole = losses(7)
    assert (whole.rank is not None) == ranks
    for chunk_rows in (1, 3):
        for one, other in zip(losses(chunk_rows), whole, strict=True):
            if one is not None:
                np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_rows_with_weight_zero_have_no_gradient() -> None:
    case = Case()
    _, _, weights = drawn(case)
    losses, gradients = losses_and_gradients(case)
    assert (weights == 0).any()
    for name in ("latents", "log_priors"):
        assert np.any(gradients[name], axis=tuple(range(1, gradients[name].ndim))).tolist() == (weights > 0).tolist()
    assert np.all(np.asarray(losses.negative_log_likelihood) > 0)


@pytest.mark.parametrize("vocabulary_size", [2, 10_000, 4_000_000])
def test_a_chunk_has_about_as_many_rows_of_logits_as_a_plain_softmax(vocabulary_size: int) -> None:
    for mixture_size in (1, 15, 64):
        rows = mixture_cross_entropy_jax._chunk_rows(vocabulary_size, mixture_size)
        assert rows >= 1
        assert rows == 1 or rows * mixture_size * vocabulary_size <= 12 * 2**20


def test_chunks_have_a_minimum_size() -> None:
    assert mixture_cross_entropy_jax._chunk_rows(10_000, 1) >= 448
    assert mixture_cross_entropy_jax._chunk_rows(10_000, 15) >= 30


def test_memory_does_not_grow_with_rows_times_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixture_cross_entropy_jax, "CHUNK_LOGITS", 2**20)
    vocabulary_size, mixture_size = 4096, 4

    def memory(num_rows: int) -> int:
        compiled.cache_clear()
        return temporary_bytes(compiled("float32", False, 0), *drawn(Case(num_rows, mixture_size, 3, vocabulary_size)))

    few, many = 512, 2048
    assert memory(few) > 0
    assert memory(many) - memory(few) < (many - few) * mixture_size * vocabulary_size * 4 / 10
