"""The ideas of `ideas.py`, each as the one thing in which a run or an evaluation differs from the reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from nextword.errors import SettingError
from nextword.settings import unknown_name

REFERENCE = "reference"


@dataclass(frozen=True)
class Idea:
    """One idea, and how it is switched.

    Attributes:
        name: Name in the file of results.
        title: Title for readers: what the idea is, not what is switched.
        settings: Settings of the training run that differ from the reference.
        in_reference: Whether the reference uses the idea; the run then leaves it out.
        methods: Methods after training, applied to the reference model.
        is_ensemble: Whether the models of all seeds are evaluated as one.
    """

    name: str
    title: str
    settings: dict[str, Any] = field(default_factory=dict)
    in_reference: bool = False
    methods: tuple[str, ...] = ()
    is_ensemble: bool = False

    @property
    def needs_training(self) -> bool:
        """Whether a model of its own must be trained."""
        return not self.methods and not self.is_ensemble


_NO_DROPOUT = {"input_dropout_rate": 0.0, "hidden_dropout_rate": 0.0, "output_dropout_rate": 0.0}
_MORE_DROPOUT = {"input_dropout_rate": 0.3, "hidden_dropout_rate": 0.3, "output_dropout_rate": 0.4}
_AVERAGE = {"averaging": "exponential", "averaging_decay": 0.995}  # of about 200 steps

IDEAS = {
    idea.name: idea
    for idea in (
        Idea(REFERENCE, "the preset as it is"),
        Idea("counts", "count-based initialization", {"start": "random"}, in_reference=True),
        Idea("tied", "tied weights", {"tied": False}, in_reference=True),
        Idea("carried-state", "carried state", {"windows": "successive"}, in_reference=True),
        Idea("rate-to-zero", "learning rate falls to zero", {"schedule": "constant"}, in_reference=True),
        Idea("dropout", "dropout 0.1", _NO_DROPOUT, in_reference=True),
        Idea("more-dropout", "dropout 0.3, 0.3, 0.4", _MORE_DROPOUT),
        Idea("locked-dropout", "one dropout mask per window", {"locked_dropout": True}),
        Idea("word-dropout", "drop 5 % of the words", {"embedding_dropout_rate": 0.05}),
        Idea("weight-drop", "drop 20 % of the recurrent weights", {"weight_drop_rate": 0.2}),
        Idea("average", "average of the weights, rate falls to zero", _AVERAGE),
        Idea("average-at-constant-rate", "average of the weights, constant rate", {"schedule": "constant", **_AVERAGE}),
        Idea("lstm", "LSTM, not a simple recurrent network", {"cell": "rnn"}, in_reference=True),
        Idea("lstm-not-gru", "LSTM, not a GRU", {"cell": "gru"}, in_reference=True),
        Idea("temperature", "temperature", methods=("temperature",)),
        Idea("ngram", "mix in n-grams", methods=("ngram",)),
        Idea("cache", "cache", methods=("cache",)),
        Idea("dynamic", "dynamic evaluation", methods=("dynamic",)),
        Idea("all-methods", "dynamic evaluation, cache, n-grams", methods=("dynamic", "cache", "ngram")),
        Idea("ensemble", "ensemble of two seeds", is_ensemble=True),
    )
}
"""All ideas by name: ideas for training first, then ideas for after it."""


def ideas_named(names: Sequence[str]) -> list[Idea]:
    """Return the ideas with these names in the order of `IDEAS`; all if no name is given.

    Raises:
        SettingError: A name is unknown.
    """
    for name in names:
        if name not in IDEAS:
            raise SettingError(unknown_name("idea", name, list(IDEAS)))
    return [idea for idea in IDEAS.values() if not names or idea.name in names]


def worths(figures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return for each idea by how many points it lowers the test perplexity, a mean over its seeds.

    An idea that the reference uses is worth what leaving it out costs. Seeds without a reference are left out.
    """
    reference = {figure["seed"]: figure["test_perplexity"] for figure in figures if figure["idea"] == REFERENCE}
    rows = []
    for idea in IDEAS.values():
        own = [figure for figure in figures if figure["idea"] == idea.name and figure["seed"] in reference]
        if idea.name == REFERENCE or not own:
            continue
        without = dict.fromkeys(reference, fmean(reference.values())) if idea.is_ensemble else reference
        sign = -1 if idea.in_reference else 1
        gains = [sign * (without[figure["seed"]] - figure["test_perplexity"]) for figure in own]
        rows.append(
            {
                "idea": idea.name,
                "title": idea.title,
                "in_reference": idea.in_reference,
                "after_training": not idea.needs_training,
                "gain": round(fmean(gains), 2),
                "gains": [round(gain, 2) for gain in gains],
                "test_perplexity": round(fmean(figure["test_perplexity"] for figure in own), 2),
                "seconds": round(fmean(figure["seconds"] for figure in own)),
            }
        )
    return rows
