"""Suggests the values of each trial from a random generator of its own."""

from collections.abc import Mapping
from typing import Any, override

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial

from nextword.tuning.dimension import Label


class NumberedSampler(BaseSampler):
    """TPE with a random generator that follows from the number of a trial; trial 0 has given values.

    The database numbers the trials. Processes that ask for a trial at the same moment thus never get the same values.

    Args:
        seed: Seed of the study.
        first: The values of trial 0 as Optuna stores them; TPE suggests those that are missing.
    """

    def __init__(self, seed: int, first: Mapping[str, Label]) -> None:
        self._seed = seed
        self._first = first
        self._number: int | None = None
        self._sampler = TPESampler()

    @override
    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the dimensions that TPE suggests together."""
        return self._sampler_of(trial).infer_relative_search_space(study, trial)

    @override
    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the values of these dimensions."""
        return self._sampler_of(trial).sample_relative(study, trial, search_space)

    @override
    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the value of another dimension."""
        if trial.number == 0 and param_name in self._first:
            return self._first[param_name]
        return self._sampler_of(trial).sample_independent(study, trial, param_name, param_distribution)

    def _sampler_of(self, trial: FrozenTrial) -> TPESampler:
        if trial.number != self._number:
            seeds = np.random.SeedSequence([self._seed, trial.number])
            self._number, self._sampler = trial.number, TPESampler(seed=int(seeds.generate_state(1)[0]))
        return self._sampler
