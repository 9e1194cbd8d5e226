"""What came of an export, for a person and for the model card."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import onnxruntime

from nextword.batching.window import TokenIds
from nextword.bundle.onnx_file import OLDEST_ONNXRUNTIME, OPSET
from nextword.engine.engine import Engine
from nextword.errors import ExportError

TOLERANCE = 1e-4
"""By how much two engines on one model may differ in a log-probability."""

_SHAPE = (3, 24)
_MOST_TOKENS = 256

_HEADING = "\n## Export\n"


class Agreement(NamedTuple):
    """How far two engines are from each other.

    Attributes:
        largest_difference: Of all log-probabilities that were compared.
        num_log_probs: How many those were.
    """

    largest_difference: float
    num_log_probs: int


def require_agreement(exported: Engine, original: Engine, text: TokenIds, tolerance: float = TOLERANCE) -> Agreement:
    """Compare the log-probabilities of all tokens along random ids and along a text, in windows and step by step.

    Args:
        exported: The engine to be checked.
        original: What it must be like.
        text: Ids of a text `(N,)`, of which the first 256 are read.
        tolerance: The largest difference that is let pass.

    Raises:
        ExportError: They differ by more.
    """
    random_ids = np.random.default_rng(0).integers(original.vocabulary_size, size=_SHAPE, dtype=np.int32)
    parts = [np.ravel(_differences(exported, original, ids)) for ids in (random_ids, text[None, :_MOST_TOKENS])]
    differences = np.concatenate(parts)
    found = Agreement(float(differences.max()), differences.size)
    if not found.largest_difference <= tolerance:  # neither does a NaN pass
        raise ExportError(
            f"`model.onnx` must give the log-probabilities of the model to {tolerance:g}, but is up to "
            f"{found.largest_difference:.2g} away; it was not kept, and the model is as it was"
        )
    return found


def _differences(
    exported: Engine, original: Engine, ids: TokenIds
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return by how much the log-probabilities differ, all but the last token in one window, and the last in a step."""
    of_both = []
    for engine in (exported, original):
        window, state = engine.predict_window(ids[:, :-1], engine.start(len(ids)))
        last, _ = engine.step(ids[:, -1], state)
        of_both.append(np.concatenate((window.log_probs, last[:, None]), axis=1))
    return np.abs(of_both[0] - of_both[1])


@dataclass(frozen=True, kw_only=True)
class Int8Cost:
    """What eight bits cost.

    Attributes:
        perplexity: Of a token in float32.
        int8_perplexity: The same in int8.
        num_tokens: How many tokens were predicted.
        text: The name of the text, and its split.
    """

    perplexity: float
    int8_perplexity: float
    num_tokens: int
    text: str

    @property
    def percent(self) -> float:
        """By how many percent the perplexity rose; negative if it fell."""
        return 100 * (self.int8_perplexity / self.perplexity - 1)

    def sentence(self) -> str:
        """Return the cost in a sentence."""
        return (
            f"In int8 the perplexity of {self.text} is {self.int8_perplexity:,.2f} instead of {self.perplexity:,.2f}, "
            f"{self.percent:+.2f} % ({self.num_tokens:,} tokens)."
        )


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What was exported, and how it was checked.

    Attributes:
        num_bytes: Of `model.onnx`.
        agreement: How far it is from the Keras engine in float32.
        int8_cost: What eight bits cost; `None` for a model in float32.
    """

    num_bytes: int
    agreement: Agreement
    int8_cost: Int8Cost | None

    def sentences(self) -> list[str]:
        """Return the report in sentences."""
        precision = "float32" if self.int8_cost is None else "int8"
        oldest = ".".join(map(str, OLDEST_ONNXRUNTIME))
        what = (
            f"model.onnx holds the model in {precision}, {self.num_bytes / 1e6:.1f} MB: opset {OPSET}, for onnxruntime "
            f"{oldest} or newer; tried with {onnxruntime.__version__}."
        )
        close = (
            f"In float32 its log-probabilities are the Keras engine's to {self.agreement.largest_difference:.1g} "
            f"({self.agreement.num_log_probs:,} of them, along random tokens and along a text)."
        )
        return [what, close] if self.int8_cost is None else [what, close, self.int8_cost.sentence()]


def with_export_section(card: str, report: ExportReport) -> str:
    """Return a model card that ends with what came of the export; a former export's section is replaced."""
    former, _, _ = card.partition(_HEADING)
    return f"{former.rstrip()}\n{_HEADING}\n" + "\n".join(f"- {sentence}" for sentence in report.sentences()) + "\n"
