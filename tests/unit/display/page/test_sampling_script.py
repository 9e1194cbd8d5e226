"""`site/js/model/sampling.js` in Node, next to `nextword.inference.generation.sampling`."""

from typing import Any

import numpy as np
import pytest

from nextword.inference.generation.sampling import SamplingOptions, filtered, sample


def test_equal_seeds_give_equal_numbers_spread_evenly_from_0_to_1(scripts: Any) -> None:
    drawn = """(seeds, _, js) => seeds.map((seed) => {
      const random = js.sampling.randomNumbers(seed);
      return Array.from({ length: 2000 }, () => random());
    })"""
    first, second, other, new, newer = scripts.run(drawn, [1, 1, 2, None, None])
    assert first == second
    assert first != other
    assert new != newer
    assert 0 <= min(first) < max(first) < 1
    np.testing.assert_allclose(np.histogram(first, 10, (0, 1))[0], 200, atol=60)


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
