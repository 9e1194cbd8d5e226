"""Local steps in threads that meet, on a model of a few weights."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.errors import CheckpointError, SettingError
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.cluster.group import ProcessGroup
from nextword.training.cluster.local_steps import LocalSteps
from nextword.training.config import RunConfig
from support.group_in_memory import InMemory, in_threads

START = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


class Model:
    """Two weights, which local steps move by different amounts in each process."""

    def __init__(self) -> None:
        self.weights: dict[str, NDArray[Any]] = {"kernel": START.copy(), "bias": np.zeros(1, np.float32)}

    def named_weights(self) -> dict[str, NDArray[Any]]:
        return dict(self.weights)

    def set_named_weights(self, weights: Any) -> None:
        self.weights = dict(weights)

    def train(self, change: float) -> None:
        self.weights = {name: weight + np.float32(change) for name, weight in self.weights.items()}


class KilledError(Exception):
    pass


def rounds(root: Path, number: int, meeting: InMemory, last: int, killed: int | None = None) -> Any:
    """Train rounds up to `last` from the newest checkpoint; process 1 may be killed before it saves a round."""
    model: Any = Model()
    processes = LocalSteps(ProcessGroup(2, number), meeting)
    store = processes.store(root, lambda _warning: None)
    with processes:
        checkpoint = store.newest()
        if checkpoint is not None:
            model.set_named_weights(checkpoint.arrays)
        for done in range(checkpoint.step + 1 if checkpoint else 1, last + 1):
            processes.begin_round(model)
            model.train(done * (1.0 + number))
            processes.exchange(model)
            if done == killed and number == 1:
                raise KilledError
            store.save(done, model.named_weights(), {}, best=True)
    return model


def test_the_step_is_that_of_nesterov_along_the_mean_change(tmp_path: Path) -> None:
    first, second = in_threads(2, partial(rounds, tmp_path, last=1))
    # g = -1.5, m = -1.5, w <- w - 0.7 (g + 0.5 m)
    moved = START + 0.7 * (1.5 + 0.5 * 1.5)
    assert first.weights["kernel"] == pytest.approx(moved)
    assert np.array_equal(first.weights["kernel"], second.weights["kernel"])
    again, _ = in_threads(2, partial(rounds, tmp_path, last=2))
    # g = -3, m = -0.75 - 3: the momentum of the first round is in the checkpoint
    assert again.weights["kernel"] == pytest.approx(moved + 0.7 * (3.0 + 0.5 * 3.75))
    assert again.weights["bias"].shape == (1,)


def test_a_process_killed_between_exchange_and_save_resumes_to_the_same_bits(tmp_path: Path) -> None:
    whole = in_threads(2, partial(rounds, tmp_path / "whole", last=4))
    for killed in (1, 3):
        with pytest.raises(KilledError):
            in_threads(2, partial(rounds, tmp_path / "lossy", last=4, killed=killed))
    resumed = in_threads(2, partial(rounds, tmp_path / "lossy", last=4))
    for ours, theirs in zip(resumed, whole, strict=True):
        assert all(np.array_equal(ours.weights[name], weight) for name, weight in theirs.weights.items())
    for folder in ("checkpoints", "process-1/checkpoints"):
        stores = [CheckpointStore(tmp_path / name / folder).newest() for name in ("whole", "lossy")]
        arrays = [store.arrays for store in stores if store]
        assert arrays[0].keys() == arrays[1].keys() == {"kernel", "bias", "outer/momentum"}
        assert all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0])


def test_a_run_killed_in_its_first_round_resumes_from_the_start_that_was_saved(tmp_path: Path) -> None:
    def start(number: int, meeting: InMemory) -> Any:
        store = LocalSteps(ProcessGroup(2, number), meeting).store(tmp_path, lambda _warning: None)
        store.save(0, Model().named_weights(), {}, best=True)
        return store.newest()

    for checkpoint in in_threads(2, start):
        assert (checkpoint.step, checkpoint.arrays.keys()) == (0, {"kernel", "bias"})


def test_the_best_checkpoint_has_the_weights_alone(tmp_path: Path) -> None:
    in_threads(2, partial(rounds, tmp_path, last=2))

    def best(number: int, meeting: InMemory) -> Any:
        return LocalSteps(ProcessGroup(2, number), meeting).store(tmp_path, lambda _warning: None).best()

    assert [each.arrays.keys() for each in in_threads(2, best)] == [{"kernel", "bias"}] * 2


def test_a_process_without_its_checkpoints_is_named(tmp_path: Path) -> None:
    in_threads(2, partial(rounds, tmp_path, last=3))
    (tmp_path / "process-1").rename(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=r"each of the 2 processes must have its own .* but \[1\] have none"):
        in_threads(2, partial(rounds, tmp_path, last=4))


def test_each_process_reads_an_equal_part_of_the_text() -> None:
    parts = [LocalSteps(ProcessGroup(3, number)).part(np.arange(11, dtype=np.int32)).tolist() for number in range(3)]
    assert parts == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"minutes": 1.0}, "but not `minutes`; give `epochs`"), ({"averaging": "triggered"}, "set it to none")],
)
def test_settings_that_do_not_go_with_local_steps_are_refused(settings: dict[str, Any], message: str) -> None:
    config = RunConfig.of("quick", {"training": {"strategy": "local-steps", **settings}})
    with pytest.raises(SettingError, match=message):
        LocalSteps(ProcessGroup(2, 0)).settings(config)
