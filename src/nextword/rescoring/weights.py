r"""How much each score of a hypothesis counts.

With $\ln p$ the model's log-probability of a hypothesis $h$, $|h|$ its number of words, and $s_i$ the scores that the
first pass gave it,

$$\text{total}(h) = \lambda \ln p(h) + \mu \, |h| + \sum_i \nu_i \, s_i(h).$$
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.settings import Settings, setting

Floats = NDArray[np.float64]

# Far beyond what makes a difference, and far from where a total would not be a finite number.
_MOST = 1e9


@dataclass(frozen=True, kw_only=True)
class RescoringWeights(Settings):
    """The weights of a sum, the highest of which is the hypothesis chosen.

    Example:
        >>> weights = RescoringWeights(model_weight=0.5, length_weight=1.0, first_pass_weights=(1.0,))
        >>> features = np.array([[-20.0, 4.0, -41.0], [-18.0, 3.0, -42.5]])  # log-prob, words, first pass
        >>> weights.ranking(features)
        [(0, -47.0), (1, -48.5)]
    """

    group: ClassVar[str] = "rescoring"

    model_weight: float = setting(
        0.5, help="Weight of the model's log-probability of a hypothesis.", at_least=-_MOST, at_most=_MOST
    )
    length_weight: float = setting(0.0, help="What each word of a hypothesis adds.", at_least=-_MOST, at_most=_MOST)
    first_pass_weights: tuple[float, ...] = setting(
        (),
        help="Weight of each score of the first pass, in the order of the columns; 1 each unless given.",
        at_least=-_MOST,
        at_most=_MOST,
    )

    def for_scores(self, score_names: Sequence[str]) -> "RescoringWeights":
        """Return the weights with one for each score of the first pass.

        Raises:
            SettingError: They are as many as they should not be.
        """
        if not self.first_pass_weights:
            return self.replace(first_pass_weights=(1.0,) * len(score_names))
        if len(self.first_pass_weights) != len(score_names):
            raise SettingError(
                f"`first_pass_weights` must be one for each score ({', '.join(score_names) or 'there are none'}), but "
                f"are {len(self.first_pass_weights)}; give {len(score_names)}"
            )
        return self

    @property
    def vector(self) -> Floats:
        """All weights `(F,)`: of model, length, and each score of the first pass."""
        return np.array([self.model_weight, self.length_weight, *self.first_pass_weights])

    @classmethod
    def of_vector(cls, vector: Floats) -> "RescoringWeights":
        """Return the weights of a vector `(F,)`."""
        model_weight, length_weight, *first_pass = map(float, vector)
        return cls(model_weight=model_weight, length_weight=length_weight, first_pass_weights=tuple(first_pass))

    def ranking(self, features: Floats) -> list[tuple[int, float]]:
        """Return place and total of each hypothesis `(n, F)`, the best first; equals stay in their order."""
        totals = features @ self.vector
        order = np.argsort(-totals, kind="stable")
        return [(int(place), float(totals[place])) for place in order]
