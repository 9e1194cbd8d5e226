from typing import Any

import numpy as np
import pytest

from nextword.model.layers.initialization import Initialization
from nextword.model.layers.mogrifier_lstm import MogrifierLSTM


def built(**options: Any) -> MogrifierLSTM:
    layer = MogrifierLSTM(6, name="layer", **options)
    layer.build((None, None, 5))
    return layer


def test_the_product_of_initial_factors_has_the_variance_of_a_kernel() -> None:
    layer = MogrifierLSTM(300, rank=40, num_rounds=1, initialization=Initialization(kind="uniform", scale=0.01))
    layer.build((None, None, 200))
    left, right = (np.asarray(layer.modulations[f"modulation_1_{side}"].value) for side in ("left", "right"))
    assert not np.array_equal(left[:40, :40], right[:40, :40])
    assert np.var(left @ right) == pytest.approx(1 / 300, rel=0.5)


def test_the_rounds_have_different_initial_weights() -> None:
    modulations = built().modulations
    assert not np.array_equal(modulations["modulation_1_kernel"].value, modulations["modulation_3_kernel"].value)
