"""Run programs one after the other, each for the same minutes on the same ids."""

import json
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.quality.catalogue import QualityPeer
from harness.quality.record import Record, Terms
from harness.speed.peer import PeerError
from harness.speed.process import Process
from harness.speed.provenance import Provenance
from harness.speed.rotation import failure_noted
from nextword.text.corpus import Corpus
from nextword.text.sources.names import SPLITS

# For compilation, and for the evaluation afterwards, on a machine that may be slow or busy.
_PATIENCE_SECONDS = 3600.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Contest:
    """What every program gets.

    Attributes:
        corpus: The text.
        text: Name or path of the text, for a program that reads it itself.
        minutes: How long each may train.
        seed: Seed of weights, order and dropout.
        recipe: Settings that override the programs' own.
    """

    corpus: Corpus
    text: str
    minutes: float
    seed: int
    recipe: dict[str, Any] = field(default_factory=dict)

    @property
    def terms(self) -> Terms:
        """What two results must share to be compared."""
        return Terms(self.corpus.name, self.corpus.sha256, self.minutes, self.seed, self.recipe)

    def hold(self, peers: Sequence[QualityPeer], record: Record, say: Say) -> None:
        """Run the peers without a result in the record, strictly one after the other, and record each at once."""
        with tempfile.TemporaryDirectory(prefix="nextword-ids-") as folder:
            task = self._task(Path(folder))
            for peer in peers:
                if peer.name in record.results:
                    say(f"{peer.name}: done already")
                    continue
                say(f"{peer.name}: {self.minutes:g} minutes")
                missing: dict[str, str] = {}
                with failure_noted(missing, peer.name, say):
                    record.add(peer.name, self._run(peer, task, say))
                record.note_missing(missing)

    def _task(self, folder: Path) -> dict[str, Any]:
        for split in SPLITS:
            np.save(folder / f"{split}.npy", np.asarray(self.corpus.split(split).ids))
        vocabulary = self.corpus.tokenizer.vocabulary
        return {
            "ids": str(folder),
            "vocabulary_size": self.corpus.tokenizer.vocabulary_size,
            "end_id": vocabulary.end_id,
            "minutes": self.minutes,
            "seed": self.seed,
            "recipe": self.recipe,
            "text": self.text,
        }

    def _run(self, peer: QualityPeer, task: dict[str, Any], say: Say) -> dict[str, Any]:
        """Return the result of a program.

        Raises:
            PeerError: It cannot be started, ended, is silent, or speaks another protocol.
        """
        provenance, rounds = Provenance.now(), []
        command = [*peer.interpreter(), str(peer.program), json.dumps(task)]
        with Process(command, peer.environment) as process, process.ended_on_error():
            while "round" in (answer := process.answer(60 * self.minutes + _PATIENCE_SECONDS)):
                rounds.append(answer["round"])
                say(
                    f"{peer.name}: {rounds[-1]['seconds'] / 60:.1f} minutes, {rounds[-1]['tokens']:,} tokens, "
                    f"valid perplexity {rounds[-1]['valid_perplexity']:.2f}"
                )
            summary = summarize(answer["result"])
        return {
            **summary,
            "rounds": rounds,
            "environment": dict(peer.environment),
            "provenance": provenance.to_table(),
        }


def summarize(result: dict[str, Any]) -> dict[str, Any]:
    """Return a program's result with its headline: the method with the lowest valid perplexity.

    Raises:
        KeyError: It lacks a figure.
        PeerError: A perplexity is not finite.
    """
    perplexities = result["perplexities"]
    for method, found in dict(perplexities).items():
        if not all(map(math.isfinite, found.values())):
            raise PeerError(f"came to perplexities that are not finite, {found} by the method `{method}`")
    method = min(perplexities, key=lambda name: perplexities[name]["valid"])
    return {
        "valid_perplexity": perplexities[method]["valid"],
        "test_perplexity": perplexities[method]["test"],
        "method": method,
        "words_per_second": result["tokens"] / result["seconds"],
        **result,
    }
