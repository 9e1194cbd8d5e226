"""Interpolated modified Kneser-Ney: what counts alone reach, in seconds."""

import platform

import numpy as np

from nextword.engine.mixture.interpolated_model import contexts_of
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from quality_protocol import Ids, Outcome, Say, Task, compete


def train(task: Task, say: Say) -> Outcome:
    """Count the n-grams of the text once; the parameters are the numbers of n-grams."""
    task.require_known("order")
    order, ids = task.recipe.get("order", 5), task.split("train").astype(np.int32)
    clock = task.start_clock()
    model = KneserNeyModel.fit(ids, order, vocabulary_size=task.vocabulary_size, end_id=task.end_id)
    seconds = clock.seconds

    def evaluate(split: Ids) -> dict[str, float]:
        contexts = contexts_of(split.astype(np.int32), order, end_id=task.end_id)
        return {f"contexts of {order - 1}": -float(np.log(model.token_probabilities(contexts, split)).sum())}

    valid = task.split("valid")
    (total,) = evaluate(valid).values()
    say({"seconds": seconds, "tokens": len(ids), "valid_perplexity": float(np.exp(total / len(valid)))})
    return Outcome(
        parameters=sum(model.num_ngrams),
        tokens=len(ids),
        seconds=seconds,
        evaluate=evaluate,
        dtype="float64",
        versions={"python": platform.python_version(), "numpy": np.__version__},
        recipe={"order": order},
    )


if __name__ == "__main__":
    compete(train)
