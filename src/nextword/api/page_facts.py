"""What a page says of a model: the figures and the curve of its training run."""

from collections.abc import Sequence

from nextword.architecture import Architecture
from nextword.bundle.bundle import Bundle
from nextword.bundle.model_card import SplitMetrics, network_facts
from nextword.page.packed_model import PageFacts
from nextword.storage.strict_json import finite
from nextword.training.progress import RoundRecord


def page_facts(
    bundle: Bundle,
    records: Sequence[RoundRecord] = (),
    metrics: Sequence[SplitMetrics] = (),
    *,
    model_hash: str = "",
) -> PageFacts:
    """Return what a page says of a model.

    Args:
        bundle: The model.
        records: The rounds of its training run.
        metrics: The figures of each split.
        model_hash: Tells the model from others.
    """
    figures = {f"perplexity ({row.split})": f"{row.perplexity:,.2f}" for row in metrics}
    return PageFacts(
        model_hash=model_hash,
        figures=figures | _network(bundle.architecture, bundle.tokenizer.kind),
        curve=[
            {"round": each.round, "train": finite(each.train_perplexity), "valid": finite(each.valid_perplexity)}
            for each in records
        ],
    )


def _network(architecture: Architecture, tokenizer_kind: str) -> dict[str, str]:
    return {**network_facts(architecture, tokenizer_kind), "weights in this page": "int8"}
