"""Counts the word and character errors of the chosen hypotheses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nextword.errors import EvaluationError, MissingExtraError, TextError
from nextword.inference.rescoring.nbest import LineSource, NbestList
from nextword.inference.rescoring.rescorer import ScoredList
from nextword.inference.rescoring.weights import Integers

BEFORE, AFTER, HELD_OUT, ORACLE = "first pass", "rescored", "held out", "oracle"
"""The choices: the recognizer's, by the weighted sum, by weights tuned on other utterances, and the fewest errors."""


class EditCounts(NamedTuple):
    """Edit distances of texts from a reference."""

    errors: Integers  # substitutions, deletions and insertions of each text `(n,)`
    length: int  # length of the reference in words or characters


def word_errors(reference: str, hypotheses: Sequence[str]) -> EditCounts:
    """Count the word errors of each hypothesis; words are separated by spaces, and case and punctuation count."""
    return _edits(_jiwer().process_words([reference] * len(hypotheses), list(hypotheses)))


def character_errors(reference: str, hypotheses: Sequence[str]) -> EditCounts:
    """Count the character errors of each hypothesis, including spaces."""
    return _edits(_jiwer().process_characters([reference] * len(hypotheses), list(hypotheses)))


def _edits(output: Any) -> EditCounts:
    errors = [sum(map(_num_edits, alignment)) for alignment in output.alignments]
    return EditCounts(np.array(errors, np.int64), len(output.references[0]))


def _num_edits(chunk: Any) -> int:
    if chunk.type == "equal":
        return 0
    return int(max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx))


def _jiwer() -> Any:
    try:
        import jiwer
    except ImportError as error:
        raise MissingExtraError.of("counting word errors needs jiwer", None, "all") from error
    return jiwer


@dataclass(frozen=True)
class ErrorRates:
    """Errors over all utterances."""

    word_errors: int
    num_words: int
    character_errors: int
    num_characters: int

    @property
    def wer(self) -> float:
        """Word error rate: errors per word of the references; above 1 with many insertions."""
        return self.word_errors / self.num_words

    @property
    def cer(self) -> float:
        """Character error rate."""
        return self.character_errors / self.num_characters


@dataclass
class Tally:
    """Counts errors list by list, and stores a few numbers for each utterance."""

    words: list[int] = field(default_factory=list)  # number of words of each reference
    characters: list[int] = field(default_factory=list)  # number of characters of each reference
    # For each choice, the word errors and the character errors of each utterance.
    errors: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def add(self, scored: ScoredList, reference: str, counts: EditCounts, chosen: Mapping[str, int]) -> None:
        """Count an utterance.

        `chosen` has the index of the chosen hypothesis for each choice except first pass and oracle.
        """
        places = {BEFORE: 0, **chosen, ORACLE: int(np.argmin(counts.errors))}
        texts = [scored.nbest.hypotheses[place].text for place in places.values()]
        characters = character_errors(reference, texts)
        self.words.append(counts.length)
        self.characters.append(characters.length)
        for (name, place), of_characters in zip(places.items(), characters.errors.tolist(), strict=True):
            self.errors.setdefault(name, []).append((int(counts.errors[place]), of_characters))

    def word_errors_of(self, who: str) -> Integers:
        """Return the word errors of each utterance for a choice `(U,)`."""
        return np.array([words for words, _ in self.errors[who]], np.int64)

    def rates(self) -> dict[str, ErrorRates]:
        """Return the error rates of each choice."""
        if not sum(self.words):
            raise EvaluationError("a word error rate needs references with words, but all are empty; give others")
        totals = {who: np.sum(pairs, axis=0).tolist() for who, pairs in self.errors.items()}
        return {
            who: ErrorRates(words, sum(self.words), characters, sum(self.characters))
            for who, (words, characters) in totals.items()
        }


class References:
    """The reference of each utterance, from a table or from the n-best lists themselves."""

    def __init__(self, texts: Mapping[str, str] | None = None, *, name: str = "") -> None:
        self._texts = texts
        self._name = name
        self._used: set[str] = set()

    @classmethod
    def read(cls, source: LineSource) -> "References":
        r"""Read lines of the form utterance id, tab, reference."""
        texts: dict[str, str] = {}
        for number, line in source:
            if not line.strip():
                continue
            utterance, tab, text = line.partition("\t")
            if not tab or "\t" in text or not utterance:
                raise source.refuse(
                    number,
                    "a line must have an utterance and a reference separated by one tab, but does not; correct it",
                )
            if utterance in texts:
                raise source.refuse(
                    number, f"an utterance must have one reference, but `{utterance}` has two; leave one out"
                )
            texts[utterance] = text
        if not texts:
            raise TextError(f"`{source.name}` must have at least one reference, but is empty; give another file")
        return cls(texts, name=source.name)

    def of(self, nbest: NbestList) -> str:
        """Return the reference of a list."""
        if self._texts is None:
            if nbest.reference is None:
                raise TextError(
                    f"every utterance must have a `reference` to count errors, but `{nbest.utterance}` has none; give "
                    "`--references FILE`"
                )
            return nbest.reference
        if nbest.utterance not in self._texts:
            raise TextError(
                f"`{self._name}` must have a reference for every utterance, but has none for "
                f"`{nbest.utterance}`; add it"
            )
        self._used.add(nbest.utterance)
        return self._texts[nbest.utterance]

    @property
    def num_unused(self) -> int:
        """Number of references without a list."""
        return 0 if self._texts is None else len(self._texts) - len(self._used)
