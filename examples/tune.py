"""Search for the settings that suit a text, with Optuna.

Each trial is a short training run with other settings. Optuna compares them by perplexity on the validation split and
stops those that look bad. The same command resumes the search; several of them, started at once, share it.

python examples/tune.py my-text.txt --trials 20 --epochs 2 --storage sqlite:///sweep.db
"""

import argparse
from collections.abc import Mapping
from typing import Any, override

import keras
import optuna
from optuna.study import MaxTrialsCallback

import nextword

PRESET, TOKENS_PER_STEP = "quick", 32 * 35
ROUNDS = 8  # validations of a trial; after each, it may be stopped
START = {"learning_rate": 0.006, "width": 160, "dropout": 0.1}
"""The settings of the first trial: those of the preset, so the result is not worse than the preset."""


def settings_of(trial: optuna.Trial) -> dict[str, Any]:
    """Return the settings of a trial; add any that `nextword train --help-all` lists."""
    width = trial.suggest_categorical("width", [96, 160, 240])
    dropout = trial.suggest_float("dropout", 0.0, 0.4)
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.001, 0.02, log=True),
        "embedding_size": width,
        "hidden_sizes": (2 * width, width),
        **dict.fromkeys(("input_dropout_rate", "hidden_dropout_rate", "output_dropout_rate"), dropout),
    }


class Pruning(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Ends a trial after a round, if its perplexity is worse than the median of the others."""

    def __init__(self, trial: optuna.Trial) -> None:
        super().__init__()
        self._trial = trial

    @override
    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._trial.report(float((logs or {})["val_perplexity"]), epoch)
        if self._trial.should_prune():
            raise optuna.TrialPruned


def perplexity_of(trial: optuna.Trial, corpus: nextword.Corpus, epochs: float) -> float:
    """Train with the settings of a trial, and return the best validation perplexity."""
    keras.utils.clear_session()
    steps = epochs * corpus.train.num_tokens / TOKENS_PER_STEP
    settings = {"mixture": False, "round_steps": max(1, round(steps / ROUNDS)), **settings_of(trial)}
    try:
        model = nextword.train(
            corpus, preset=PRESET, epochs=epochs, settings=settings, callbacks=[Pruning(trial)], verbose=0
        )
    except nextword.TrainingDivergedError as error:
        raise optuna.TrialPruned(str(error)) from error
    return min(model.history.valid_perplexity) if model.history else float("nan")


def main() -> None:
    """Run trials until the study has as many as requested, and print the best settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", help="a file, a folder, or a sample such as austen")
    parser.add_argument("--trials", type=int, default=20, help="trials of the study in all (default: 20)")
    parser.add_argument("--epochs", type=float, default=2.0, help="epochs of a trial (default: 2)")
    parser.add_argument("--storage", default="sqlite:///sweep.db", help="Optuna's URL (default: sqlite:///sweep.db)")
    options = parser.parse_args()
    corpus = nextword.Corpus.load(options.text)
    study = optuna.create_study(storage=options.storage, study_name=corpus.name, load_if_exists=True)
    if not study.trials:
        study.enqueue_trial(START)
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    left = options.trials - len(study.get_trials(deepcopy=False, states=ended))
    if left > 0:
        study.optimize(
            lambda trial: perplexity_of(trial, corpus, options.epochs),
            callbacks=[MaxTrialsCallback(options.trials, states=ended)],
        )
    print(f"best perplexity on valid {study.best_value:,.2f}, trial {study.best_trial.number}: {study.best_params}")


if __name__ == "__main__":
    main()
