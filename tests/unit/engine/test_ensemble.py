import numpy as np
import pytest

from nextword.engine.engine import Engine
from nextword.engine.ensemble import EnsembleEngine
from nextword.errors import SettingError
from support.inner_engines import toy_engine

INPUTS = np.random.default_rng(0).integers(11, size=(2, 5), dtype=np.int32)


@pytest.mark.parametrize("weights", [(), (2.0, 6.0), (0.0, 1.0)])
def test_it_is_the_mean_of_probabilities(weights: tuple[float, ...]) -> None:
    members = [toy_engine(1), toy_engine(2, hidden_size=3)]
    engine = EnsembleEngine(members, weights)
    found, _ = engine.predict_window(INPUTS, engine.start(2))
    own = [member.predict_window(INPUTS, member.start(2))[0] for member in members]
    expected = np.average([np.exp(each.log_probs) for each in own], axis=0, weights=weights or None)
    np.testing.assert_allclose(np.exp(found.log_probs), expected, rtol=1e-5)
    assert found.hidden is not None
    assert found.hidden.shape == (2, 5, 4 + 3)


def test_a_member_without_hidden_states_leaves_none(hiddenless_engine: Engine) -> None:
    engine = EnsembleEngine([toy_engine(1), hiddenless_engine])
    assert engine.predict_window(INPUTS, engine.start(2))[0].hidden is None


def test_invalid_members_and_weights_are_refused() -> None:
    with pytest.raises(SettingError, match="at least one model"):
        EnsembleEngine([])
    with pytest.raises(
        SettingError, match="the same vocabulary, but have 11 tokens with <eos> 3 and 12 tokens with <eos> 3"
    ):
        EnsembleEngine([toy_engine(1), toy_engine(1, vocabulary_size=12)])
    with pytest.raises(SettingError, match="must have 2 values, one for each model, but has 1"):
        EnsembleEngine([toy_engine(1), toy_engine(2)], (1.0,))
    with pytest.raises(SettingError, match="must be at least 0 with a positive sum"):
        EnsembleEngine([toy_engine(1)], (0.0,))
    with pytest.raises(SettingError, match="must be at least 0"):
        EnsembleEngine([toy_engine(1), toy_engine(2)], (2.0, -1.0))
