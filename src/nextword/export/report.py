"""The result of an export, for a person and for the model card."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from nextword.bundle.onnx.file import OLDEST_ONNXRUNTIME, OPSET
from nextword.engine.engine import Engine
from nextword.errors import ExportError
from nextword.text.batching.window import TokenIds

TOLERANCE = 1e-4
"""The largest allowed difference between the log-probabilities of two engines that run one model."""

_SHAPE = (3, 24)
_MAX_TOKENS = 256

_HEADING = "\n## Export\n"


class Agreement(NamedTuple):
    """The difference between two engines."""

    largest_difference: float  # the largest difference of a log-probability
    num_log_probs: int  # number of log-probabilities that were compared


def require_agreement(exported: Engine, original: Engine, text: TokenIds, tolerance: float = TOLERANCE) -> Agreement:
    """Compare the log-probabilities of all tokens after random ids and after a text, in windows and step by step.

    Raises:
        ExportError: A log-probability differs by more.
    """
    read = np.resize(text, max(2, min(len(text), _MAX_TOKENS)))  # a window of one token has no step before its last
    random_ids = np.random.default_rng(0).integers(original.vocabulary_size, size=_SHAPE, dtype=np.int32)
    parts = [np.ravel(_differences(exported, original, ids)) for ids in (random_ids, read[None])]
    differences = np.concatenate(parts)
    found = Agreement(float(differences.max()), differences.size)
    if not found.largest_difference <= tolerance:  # a NaN fails too
        raise ExportError(
            f"`model.onnx` must give the log-probabilities of the model to {tolerance:g}, but differs by up to "
            f"{found.largest_difference:.2g}; it was discarded, and the model is unchanged"
        )
    return found


def _differences(
    exported: Engine, original: Engine, ids: TokenIds
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the differences of the log-probabilities: those of the last token in a step, of the others in a window."""
    of_both = []
    for engine in (exported, original):
        window, state = engine.predict_window(ids[:, :-1], engine.start(len(ids)))
        last, _ = engine.step(ids[:, -1], state)
        of_both.append(np.concatenate((window.log_probs, last[:, None]), axis=1))
    return np.abs(of_both[0] - of_both[1])


@dataclass(frozen=True, kw_only=True)
class Int8Cost:
    """The cost of eight bits."""

    perplexity: float  # per token, in float32
    int8_perplexity: float  # per token, in int8
    num_tokens: int  # number of tokens that were predicted
    text: str  # the name of the text and its split

    @property
    def percent(self) -> float:
        """The rise of the perplexity in percent; negative if it fell."""
        return 100 * (self.int8_perplexity / self.perplexity - 1)

    def sentence(self) -> str:
        """Return the cost in a sentence."""
        return (
            f"In int8 the perplexity of {self.text} is {self.int8_perplexity:,.2f} instead of {self.perplexity:,.2f}, "
            f"{self.percent:+.2f}% ({self.num_tokens:,} tokens)."
        )


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """The exported model and its checks."""

    num_bytes: int  # the size of `model.onnx`
    agreement: Agreement  # its difference from the Keras engine, in float32
    int8_cost: Int8Cost | None  # the cost of eight bits; `None` for a model in float32
    slim: bool = False  # whether the float32 weights were left out

    def to_table(self) -> dict[str, Any]:
        """Return the report as a table for JSON; `int8` is `None` for float32."""
        return {
            "num_bytes": self.num_bytes,
            "largest_difference": self.agreement.largest_difference,
            "int8": None if self.int8_cost is None else {**asdict(self.int8_cost), "percent": self.int8_cost.percent},
        }

    def sentences(self) -> list[str]:
        """Return the report in sentences."""
        precision = "float32" if self.int8_cost is None else "int8"
        oldest = ".".join(map(str, OLDEST_ONNXRUNTIME))
        what = (
            f"model.onnx holds the model in {precision}, {self.num_bytes / 1e6:.1f} MB: opset {OPSET}, for onnxruntime "
            f"{oldest} or newer; tested with {onnxruntime.__version__}."
        )
        close = (
            "In float32 its log-probabilities differ from the Keras engine's by at most "
            f"{self.agreement.largest_difference:.1g} ({self.agreement.num_log_probs:,} compared, on random tokens and "
            "on a text)."
        )
        said = [what, close]
        if self.int8_cost is not None:
            said.append(self.int8_cost.sentence())
        if self.slim:
            said.append("The float32 weights were left out: the model runs in onnxruntime only.")
        return said


def with_export_section(card: str, report: ExportReport) -> str:
    """Return a model card with the result of an export as its last section, in place of a former one."""
    former, _, _ = card.partition(_HEADING)
    return f"{former.rstrip()}\n{_HEADING}\n" + "\n".join(f"- {sentence}" for sentence in report.sentences()) + "\n"
