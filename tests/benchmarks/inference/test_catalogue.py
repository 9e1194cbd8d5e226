import json
from pathlib import Path

import pytest

from harness.inference.catalogue import buffer_bytes, groups
from harness.inference.settings import Effort, ModelSize
from harness.speed.peer import PeerError
from nextword.machine.processor import read_processor

EFFORT = Effort(turns=3, steps=20, sentences=30, starts=4, keys=100)


@pytest.mark.parametrize("what", ["step", "score"])
def test_both_precisions_of_both_take_turns(what: str, tmp_path: Path) -> None:
    found = {peer.name for group in groups(ModelSize(), EFFORT, tmp_path) for peer in group.peers}
    assert found >= {f"{by}-{what}-{precision}" for by in ("nextword", "pytorch") for precision in ("int8", "float32")}
    for group in groups(ModelSize(), EFFORT, tmp_path):
        names = {peer.name for peer in group.peers}
        assert not names & {f"nextword-{what}-int8"} or f"pytorch-{what}-int8" in names


def test_there_is_a_program_for_each(tmp_path: Path) -> None:
    peers = [peer for group in groups(ModelSize(), EFFORT, tmp_path) for peer in group.peers]
    assert len({peer.name for peer in peers}) == len(peers) == 12
    assert all(peer.program.is_file() for peer in peers)


def test_steps_take_one_thread_and_scoring_the_same_number_for_all(tmp_path: Path) -> None:
    steps, scores, *_ = groups(ModelSize(), EFFORT, tmp_path)
    assert {peer.workload.num_threads for peer in steps.peers} == {1}
    assert len({peer.workload.num_threads for peer in scores.peers}) == 1


def test_onednn_is_only_taken_from_the_peer_that_says_so(tmp_path: Path) -> None:
    peers = [peer for group in groups(ModelSize(), EFFORT, tmp_path) for peer in group.peers]
    assert [peer.name for peer in peers if not peer.workload.onednn] == ["pytorch-step-float32-without-onednn"]


def test_every_share_of_the_sentences_and_every_key_has_its_turn(tmp_path: Path) -> None:
    steps, scores, starts, keys = groups(ModelSize(), EFFORT, tmp_path)
    assert (steps.repeats, steps.steps) == (3, 20)
    assert (scores.repeats, scores.steps) == (3, 1)
    assert (starts.repeats, starts.steps) == (4, 1)
    assert keys.repeats * keys.steps >= 100


def test_pytorch_is_looked_for_when_it_is_started_and_not_before(tmp_path: Path) -> None:
    steps, *_ = groups(ModelSize(), EFFORT, tmp_path, pytorch="no-such-python")
    (peer,) = [peer for peer in steps.peers if peer.name == "pytorch-step-int8"]
    with pytest.raises(PeerError, match="no-such-python was named"):
        peer.interpreter()


def test_what_is_read_fits_into_no_cache() -> None:
    assert 2**27 <= buffer_bytes() <= 2**30
    assert buffer_bytes() >= 2 * max(read_processor().caches.values(), default=0)


def test_the_work_is_json(tmp_path: Path) -> None:
    steps, *_ = groups(ModelSize(hidden_size=32), EFFORT, tmp_path)
    table = json.loads(json.dumps(steps.peers[0].workload.to_table()))
    assert table["model"] == {"vocabulary_size": 10_000, "hidden_size": 32, "num_layers": 2}
    assert table["bundle"] == str(tmp_path / "int8")
    assert table["folder"] == str(tmp_path)
    assert table["threads"] == 1
