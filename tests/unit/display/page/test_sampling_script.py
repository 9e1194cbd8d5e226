"""`site/js/random.js` and `sampling.js` in a browser, beside numpy and `nextword.inference.generation.sampling`."""

from typing import Any

import numpy as np
import pytest

from nextword.inference.generation.sampling import SamplingOptions, filtered, sample


@pytest.mark.parametrize("seed", [0, 1, 42, 2**32, 2**53 - 1])
def test_random_numbers_are_those_of_numpy(seed: int, scripts: Any) -> None:
    found = scripts.run(
        """async (seed, _, js) => {
          const random = new js.random.RandomNumbers(seed);
          return Array.from({ length: 5 }, () => random.next());
        }""",
        seed,
    )
    assert found == np.random.default_rng(np.random.SeedSequence(seed)).random(5).tolist()


def test_without_a_seed_texts_differ(scripts: Any) -> None:
    first, second = scripts.run(
        "async (_, __, { random: { RandomNumbers } }) => [0, 0].map(() => new RandomNumbers().next())"
    )
    assert first != second


_SAMPLED = """async ({ logProbs, options, numbers }, _, js) => {
  const left = js.sampling.filtered(Float32Array.from(logProbs), options);
  return { probabilities: [...left].map(Math.exp), ids: numbers.map((number) => js.sampling.sample(left, number)) };
}"""


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("top_p", [0.2, 0.9, 1.0])
def test_the_filters_are_those_of_python(temperature: float, top_p: float, scripts: Any) -> None:
    random = np.random.default_rng(7)
    logits = random.normal(scale=3, size=50)
    log_probs = (logits - np.log(np.exp(logits).sum())).astype(np.float32)
    numbers = random.random(40)
    options = {"temperature": temperature, "topP": top_p, "forbidden": [3, 4]}
    found = scripts.run(_SAMPLED, {"logProbs": log_probs.tolist(), "options": options, "numbers": numbers.tolist()})
    expected = filtered(log_probs, SamplingOptions(temperature=temperature, top_p=top_p), [3, 4])
    np.testing.assert_allclose(found["probabilities"], np.exp(expected), atol=1e-12)
    assert found["ids"] == [sample(expected, _Fixed(number)) for number in numbers]


class _Fixed(np.random.Generator):
    """Gives one number."""

    def __init__(self, number: float) -> None:
        super().__init__(np.random.PCG64())
        self._number = number

    def random(self, *_arguments: Any, **_options: Any) -> Any:
        return self._number
