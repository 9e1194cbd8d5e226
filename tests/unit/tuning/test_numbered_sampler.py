import optuna

from nextword.tuning.numbered_sampler import NumberedSampler


def study_of(seed: int) -> optuna.Study:
    return optuna.create_study(sampler=NumberedSampler(seed, {"x": 0.5}))


def values(trial: optuna.Trial) -> tuple[float, str]:
    return trial.suggest_float("x", 0, 1), trial.suggest_categorical("y", ["a", "b", "c"])


def played(seed: int, trials: int = 14) -> list[tuple[float, str]]:
    study = study_of(seed)
    found = []
    for _ in range(trials):
        trial = study.ask()
        found.append(values(trial))
        study.tell(trial, found[-1][0])
    return found


def test_the_first_trial_has_the_given_values() -> None:
    assert played(0, trials=1)[0][0] == 0.5
    assert 0.5 not in [x for x, _ in played(0)[1:]]


def test_values_follow_from_the_seed_and_the_number() -> None:
    assert played(0) == played(0) != played(1)


def test_the_order_in_which_trials_suggest_changes_nothing() -> None:
    forward, backward = study_of(0), study_of(0)
    first, second = ([study.ask() for _ in range(4)] for study in (forward, backward))
    assert [values(trial) for trial in first] == [values(trial) for trial in reversed(second)][::-1]
