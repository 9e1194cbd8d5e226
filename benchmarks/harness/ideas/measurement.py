"""Trains a model for an idea, or applies a method to the reference, and reads valid and test."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import nextword
from harness.ideas.figure import Figure, Terms
from harness.ideas.idea import REFERENCE, Idea
from harness.speed.provenance import Provenance
from nextword.api.trained_model import TrainedModel
from nextword.engine.methods.chain import apply_methods, methods_of
from nextword.engine.methods.method import Splits
from nextword.errors import SettingError
from nextword.inference.evaluation.perplexity import evaluate
from nextword.text.corpus import Corpus
from nextword.training.report.history import TrainingHistory


@dataclass(frozen=True)
class Measurement:
    """Measures ideas on common terms.

    Attributes:
        terms: The text, the preset and the length.
        corpus: The text.
        runs: Folder of the run directories, which later ideas read.
        say: Receives a line before each measurement.
    """

    terms: Terms
    corpus: Corpus
    runs: Path
    say: Callable[[str], None]

    def measure(self, idea: Idea, seeds: Sequence[int]) -> Figure:
        """Return the figure of an idea with a seed; of an ensemble, with all seeds.

        Raises:
            SettingError: A method needs the reference of a seed, which was not trained.
        """
        provenance = Provenance.now()
        self.say(f"{idea.name}, seed {', '.join(map(str, seeds))}")
        if idea.needs_training:
            model = self._trained(idea, seeds[0])
            history = model.history or TrainingHistory(())
            seconds, speed = history[-1].seconds, round(fmean(record.words_per_second for record in history))
            valid, test, tuned = model.perplexity(self.corpus.valid), model.perplexity(self.corpus.test), ""
            parameters = model.bundle.architecture.num_parameters
        else:
            began = time.monotonic()
            models = [self._reference(seed) for seed in seeds]
            valid, test, tuned = self._read_by(idea, models)
            seconds, speed = time.monotonic() - began, None
            parameters = sum(model.bundle.architecture.num_parameters for model in models)
        return Figure(
            idea=idea.name,
            seed=seeds[0],
            valid_perplexity=round(valid, 2),
            test_perplexity=round(test, 2),
            seconds=round(seconds, 1),
            words_per_second=speed,
            parameters=parameters,
            commit=provenance.commit,
            processor=provenance.processor,
            load=provenance.load,
            date=provenance.date,
            tuned=tuned,
        )

    def _trained(self, idea: Idea, seed: int) -> TrainedModel:
        return nextword.train(
            self.corpus,
            preset=self.terms.preset,
            epochs=self.terms.epochs,
            seed=seed,
            settings={**idea.settings, "compute_dtype": self.terms.compute_dtype},
            run=self._run(idea.name, seed),
            verbose=0,
        )

    def _reference(self, seed: int) -> TrainedModel:
        run = self._run(REFERENCE, seed)
        if not (run / "model").is_dir():
            raise SettingError(
                f"`{run}` must hold the reference of seed {seed}, but does not; measure `{REFERENCE}` first"
            )
        return nextword.load(run, engine="keras")

    def _run(self, name: str, seed: int) -> Path:
        return self.runs / f"{name}-{seed}"

    def _read_by(self, idea: Idea, models: Sequence[TrainedModel]) -> tuple[float, float, str]:
        """Return the perplexities of valid and test, and the settings that were found on valid."""
        splits = Splits(train=lambda: self.corpus.train.ids, valid=lambda: self.corpus.valid.ids)
        applied = apply_methods(models, methods_of(idea.methods), {}, splits, tune=True)
        valid, test = (evaluate(applied.model.engine, split.ids) for split in (self.corpus.valid, self.corpus.test))
        return valid.perplexity, test.perplexity, applied.description
