"""Studies of a model that trains in a moment."""

from nextword.training.config import RunConfig
from nextword.training.tuning.study_settings import StudySettings, SweepOptions

SEARCH = {"training": {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}}}

BASE = RunConfig.of(
    "quick",
    {
        "model": {"embedding_size": 8, "hidden_sizes": [8]},
        "batching": {"batch_size": 4, "num_steps": 8},
        "training": {"epochs": 1, "learning_rate": 0.02, "compute_dtype": "float32"},
        "text": {"minimum_count": 1},
    },
)
SETTINGS = StudySettings(SweepOptions(trials=3, rounds=4), "story.txt", BASE, SEARCH)
