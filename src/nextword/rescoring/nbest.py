"""What a recognizer heard: hypotheses of an utterance, as it scored them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from nextword.errors import TextError

UTTERANCE, TEXT, REFERENCE = "utterance", "text", "reference"
"""The names of the columns that are not scores."""

LOG_PROB, TOTAL, RANK = "log_prob", "total", "rank"
"""The names of the columns that rescoring adds."""


class Hypothesis(NamedTuple):
    """What may have been said.

    Attributes:
        text: Its words.
        first_pass: The recognizer's scores, the higher the better, in the order of `NbestFormat.score_names`.
        record: The line that it came from, by column, to be written out again as it was.
    """

    text: str
    first_pass: tuple[float, ...]
    record: Mapping[str, Any]


class NbestList(NamedTuple):
    """The hypotheses of one utterance.

    Attributes:
        utterance: Its id.
        hypotheses: At least one, the recognizer's own choice first.
        reference: What was said, where it is known.
    """

    utterance: str
    hypotheses: Sequence[Hypothesis]
    reference: str | None = None


@dataclass(frozen=True)
class NbestFormat:
    """How a file of n-best lists is written.

    Attributes:
        kind: A table with tabs, or one JSON object a line.
        columns: The names of the columns, or of the object's fields, in their order.
        score_names: Which of them are scores of the first pass.
        has_header: Whether a table's first line says the names.

    Raises:
        TextError: A column is missing, there twice, or has a name that rescoring writes.
    """

    kind: Literal["tsv", "jsonl"]
    columns: tuple[str, ...]
    score_names: tuple[str, ...]
    has_header: bool = True

    def __post_init__(self) -> None:
        for name in (UTTERANCE, TEXT, *self.score_names):
            if name not in self.columns:
                raise TextError(f"there must be a column `{name}`, but there are {', '.join(self.columns)}; add it")
        for name in self.columns:
            if self.columns.count(name) > 1:
                raise TextError(f"a column must have a name of its own, but `{name}` is there twice; rename one")
            if name in (LOG_PROB, TOTAL, RANK):
                raise TextError(f"`{name}` must not be a column yet, for rescoring adds it, but is; rename it")
        for name in (UTTERANCE, TEXT, REFERENCE):
            if name in self.score_names:
                raise TextError(f"a score must be a column of numbers, but `{name}` holds text; name another")
