"""What came of an export, for a person and for the model card."""

from dataclasses import dataclass

import onnxruntime

from nextword.bundle.onnx_file import OLDEST_ONNXRUNTIME, OPSET
from nextword.export.agreement import Agreement

_HEADING = "\n## Export\n"


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
        """By how many percent the perplexity rose; negative where it fell."""
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
