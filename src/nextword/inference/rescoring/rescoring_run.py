"""A rescoring run over a file of n-best lists: choose weights, write lines, count errors."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nextword.inference.rescoring.nbest import NbestReader
from nextword.inference.rescoring.report import FEW, RescoringReport, compare_errors
from nextword.inference.rescoring.rescorer import ScoredList, best_line, header_of, lines_of
from nextword.inference.rescoring.tally import (
    AFTER,
    BEFORE,
    HELD_OUT,
    ORACLE,
    EditCounts,
    References,
    Tally,
    word_errors,
)
from nextword.inference.rescoring.tuning import tune
from nextword.inference.rescoring.weights import Features, RescoringWeights, WeightsFile

_FINGERPRINT, _NBEST, _MODEL = "fingerprint", "nbest", "model"


def _first_pass_agrees(lists: Sequence[ScoredList]) -> bool:
    """Return whether in at least half of the lists, the first hypothesis has the highest first score."""
    firsts = [[each.first_pass[:1] for each in scored.nbest.hypotheses] for scored in lists]
    return bool(np.mean([scores[0] == max(scores) for scores in firsts]) >= 0.5)


def _word_errors(scored: ScoredList, reference: str) -> EditCounts:
    return word_errors(reference, [hypothesis.text for hypothesis in scored.nbest.hypotheses])


class RescoringRun:
    """Rescores the lists of a file; call the methods in the order of this class."""

    def __init__(self, reader: NbestReader, references: References | None, *, model_name: str) -> None:
        self.weights = RescoringWeights()
        self.notes: list[str] = []
        self._reader = reader
        self._references = references
        self._model_name = model_name
        self._tally = Tally()
        self._num_utterances = self._num_hypotheses = self._num_changed = 0
        self._origin: Mapping[str, Any] = {}
        self._counts: list[EditCounts] = []  # of each list, once it was tuned on
        self._held_out: list[int] = []

    def set_weights(self, path: Path | None, given: Mapping[str, Any]) -> None:
        """Set the weights from a file, with `given` as overrides."""
        names = self._reader.format.score_names
        if path is not None:
            saved = WeightsFile.read(path)
            self.weights, self._origin = saved.for_scores(names), saved.tuned
            if self._origin.get(_MODEL, self._model_name) != self._model_name:
                self.notes.append(
                    f"the weights were tuned with the model `{self._origin[_MODEL]}`, but this is "
                    f"`{self._model_name}`; tune them again"
                )
        merged = {**self.weights.to_table(), **given}
        self.weights = RescoringWeights.from_table(merged).for_scores(names)

    def tune(self, scored: Iterable[ScoredList], given: Mapping[str, Any]) -> list[ScoredList]:
        """Tune the weights that are not in `given`, and return all lists."""
        lists = list(scored)
        if self.weights.first_pass_weights and "first_pass_weights" not in given and not _first_pass_agrees(lists):
            self.notes.append(
                f"most lists do not begin with the highest `{self._reader.format.score_names[0]}`; "
                "if lower values are better, give `--first-pass-weights -1`"
            )
        references = self._references or References()
        self._counts = [_word_errors(each, references.of(each.nbest)) for each in lists]
        features = Features.of([each.features() for each in lists], [counts.errors for counts in self._counts])
        tuning = tune(features, self.weights, given=given)
        self.weights = tuning.weights
        if len(lists) < FEW:
            self.notes.append(f"{len(lists)} utterances are few: tuned weights are mostly chance below {FEW}")
        if not self.weights.vector.any():
            self.notes.append("no weights have fewer errors than the recognizer's order, which weights of 0 keep")
        if tuning.held_out is not None:
            self._held_out = (tuning.held_out - features.begins[:-1]).tolist()
        self._origin = {_NBEST: self._reader.name, _FINGERPRINT: self._reader.fingerprint, _MODEL: self._model_name}
        return lists

    def lines(self, scored: Iterable[ScoredList], *, best_alone: bool) -> Iterator[str]:
        """Yield the lines of the output, and count the errors of each list."""
        written_as = self._reader.format
        if not best_alone:
            yield from header_of(written_as)
        for number, each in enumerate(scored):
            self._count(number, each)
            if best_alone:
                yield best_line(each, self.weights, written_as)
            else:
                yield from lines_of(each, self.weights, written_as)

    def weights_file(self) -> WeightsFile:
        """Return the weights and their origin, to be saved."""
        rates = self._tally.rates()
        figures = {f"wer_{who.replace(' ', '_')}": round(rates[who].wer, 6) for who in rates}
        counts = {"num_utterances": self._num_utterances, "num_hypotheses": self._num_hypotheses}
        return WeightsFile(self.weights, self._reader.format.score_names, {**self._origin, **counts, **figures})

    def report(self) -> RescoringReport:
        """Return the counts and, if references are known, the error rates."""
        rates = self._tally.rates() if self._references is not None else {}
        is_tuned_on_itself = self._origin.get(_FINGERPRINT) == self._reader.fingerprint
        # Only held-out utterances can show whether tuned weights help.
        is_comparable = HELD_OUT in rates or not is_tuned_on_itself
        return RescoringReport(
            nbest=self._reader.name,
            weights=self.weights,
            tuned_on=str(self._origin.get(_NBEST, "")),
            is_tuned_on_itself=is_tuned_on_itself,
            rates={who: rates[who] for who in (BEFORE, AFTER, HELD_OUT, ORACLE) if who in rates},
            comparison=compare_errors(self._tally) if rates and is_comparable else None,
            num_utterances=self._num_utterances,
            num_hypotheses=self._num_hypotheses,
            num_changed=self._num_changed,
            num_unused=self._references.num_unused if self._references else 0,
        )

    def _count(self, number: int, scored: ScoredList) -> None:
        best = self.weights.ranking(scored.features())[0][0]
        self._num_utterances += 1
        self._num_hypotheses += len(scored.nbest.hypotheses)
        self._num_changed += best != 0
        if self._references is None:
            return
        reference = self._references.of(scored.nbest)
        chosen = {AFTER: best}
        if self._held_out:
            chosen[HELD_OUT] = self._held_out[number]
        counts = self._counts[number] if self._counts else _word_errors(scored, reference)
        self._tally.add(scored, reference, counts, chosen)
