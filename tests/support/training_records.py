"""The records of a short run, with points within its rounds."""

from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingPoint, TrainingProgress


def make_records(*valid_perplexities: float) -> list[RoundRecord]:
    """Return a record for each validation perplexity: rounds of 10 steps and half an epoch."""
    return [
        RoundRecord(
            round=number,
            step=10 * number,
            epoch=0.5 * number,
            learning_rate=0.1,
            train_perplexity=1.2 * perplexity,
            train_accuracy=0.3 - 1 / (10 * number),
            valid_perplexity=perplexity,
            valid_accuracy=0.25 - 1 / (10 * number),
            words_per_second=1000.0,
            seconds=float(number),
        )
        for number, perplexity in enumerate(valid_perplexities, start=1)
    ]


def make_points(*perplexities: float) -> list[TrainingPoint]:
    """Return a point for each perplexity: intervals of 5 steps and a quarter of an epoch."""
    return [
        TrainingPoint(5 * number, 0.25 * number, perplexity, 0.1 / number, 900.0 + number)
        for number, perplexity in enumerate(perplexities, start=1)
    ]


RECORDS = make_records(300.0, 150.0, 110.0, 130.0)
POINTS = make_points(900.0, 500.0, 300.0, 220.0, 170.0, 150.0, 130.0, 120.0)
PLAN = Plan(20, 10, (40,))
STAGES = [TrainingProgress(records=tuple(RECORDS[:count]), points=tuple(POINTS[: 2 * count])) for count in range(5)]
"""The progress at the beginning and after each round."""
