"""The same documents scored by nextword itself: by its commands, and continuations by its engine."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.agreement.tasks import Choice, Documents
from harness.speed.peer import PeerError
from nextword.engine.text_model import LoadedModel
from nextword.text.tokens.line_ends import MARKS


@dataclass(frozen=True)
class Score:
    """The score of a text.

    Attributes:
        log_prob: Its natural log-probability.
        tokens: Number of its tokens.
    """

    log_prob: float
    tokens: int


@dataclass(frozen=True)
class OwnScores:
    """What nextword finds.

    Attributes:
        whole: The whole text, by `nextword evaluate`.
        perplexity: Its perplexity.
        lines: Each line, by `nextword score`.
        choices: Each continuation of each beginning.
    """

    whole: Score
    perplexity: float
    lines: Sequence[Score]
    choices: Sequence[Sequence[Score]]

    def accuracy(self, choices: Sequence[Choice]) -> float:
        """Return the share of the beginnings whose right continuation is the most probable."""
        best = [int(np.argmax([score.log_prob for score in scores])) for scores in self.choices]
        return float(np.mean([index == choice.right for index, choice in zip(best, choices, strict=True)]))


def own_scores(model: Path, loaded: LoadedModel, documents: Documents, folder: Path) -> OwnScores:
    """Score the documents.

    Args:
        model: Where the model is.
        loaded: The same model, ready to run.
        documents: What is scored.
        folder: Where files may be written.

    Raises:
        PeerError: A command fails.
    """
    mark = MARKS[loaded.tokenizer.line_ends]
    whole, lines = folder / "whole.txt", folder / "lines.txt"
    whole.write_text(documents.whole, encoding="utf-8")
    lines.write_text("".join(line.removesuffix(mark) + "\n" for line in documents.lines), encoding="utf-8")
    (answer,) = _run("evaluate", str(model), str(whole), "--split", "all", "--json")
    (evaluated,) = answer["evaluations"]
    # In int8, lines that are scored together change each other in the last digits.
    scored = _run("score", str(model), str(lines), "--read-ahead", "1", "--no-spell", "--json")
    return OwnScores(
        whole=_score(evaluated),
        perplexity=evaluated["perplexity"],
        lines=[_score(table) for table in scored],
        choices=[_continuations(loaded, choice) for choice in documents.choices],
    )


def _run(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-m", "nextword", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f"nextword {arguments[0]} failed: {done.stderr.strip()[-300:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _score(table: dict[str, Any]) -> Score:
    return Score(table["log_prob"], table["num_tokens"])


def _continuations(loaded: LoadedModel, choice: Choice) -> list[Score]:
    """Score what `lm_eval` scores: the tokens of a continuation, those of the beginning before it."""
    encode = loaded.tokenizer.encode
    read, scores = encode(choice.context), []
    for continuation in choice.choices:
        # A mark at the end of the beginning may be another token if more follows; `lm_eval` keeps the first one.
        ids = np.array([[*read, *encode(f"{choice.context} {continuation}")[len(read) :]]], np.int32)
        found = loaded.engine.score(ids, np.array([ids.shape[1]], np.int32)).log_probs[0, len(read) :]
        scores.append(Score(float(found.sum()), len(found)))
    return scores
