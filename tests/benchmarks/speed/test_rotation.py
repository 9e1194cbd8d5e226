from collections.abc import Callable

import pytest

from harness.speed.peer import Peer, PeerError
from harness.speed.rotation import Rotation, rotate

MakePeer = Callable[..., Peer]
Journal = Callable[[], list[str]]


def turn(*peers: Peer, repeats: int = 3, timeout: float = 60, said: list[str] | None = None) -> Rotation:
    say = (said if said is not None else []).append
    return rotate(peers, repeats=repeats, steps=2, timeout=timeout, say=say)


def test_the_peers_start_one_after_the_other_and_run_in_turn(fake: MakePeer, journal: Journal) -> None:
    turn(fake("a"), fake("b"), fake("c"))
    assert journal() == ["a starts", "b starts", "c starts", *["a runs 2", "b runs 2", "c runs 2"] * 3]


def test_the_samples_of_all_turns_are_kept(fake: MakePeer) -> None:
    rotation = turn(fake("a", seconds="1,2,3"), fake("b", seconds="4", what="bfloat16,float32"))
    assert rotation.measurements["a"].seconds == {"step": [1, 1, 2, 2, 3, 3]}
    assert rotation.measurements["b"].seconds == {"bfloat16": [4] * 6, "float32": [4] * 6}
    assert rotation.measurements["a"].peak_memory_bytes == 3000
    assert rotation.missing == {}


@pytest.mark.parametrize("fault", ["crash", "crash at start", "killed", "nonsense"])
def test_a_peer_that_fails_is_missing_and_the_others_continue(fake: MakePeer, journal: Journal, fault: str) -> None:
    said: list[str] = []
    rotation = turn(fake("a"), fake("b", fault=fault), fake("c"), said=said)
    assert list(rotation.measurements) == ["a", "c"]
    assert list(rotation.missing) == ["b"]
    assert f"b: {rotation.missing['b']}" in said
    assert all(len(measurement.seconds["step"]) == 6 for measurement in rotation.measurements.values())
    assert journal()[-2:] == ["a runs 2", "c runs 2"]


def test_a_peer_that_hangs_holds_nobody_up_for_ever(fake: MakePeer) -> None:
    rotation = turn(fake("a", fault="hang"), fake("b"), timeout=5)
    assert "gave no answer within 5 seconds" in rotation.missing["a"]
    assert rotation.measurements["b"].seconds == {"step": [1] * 6}


def test_a_peer_without_an_interpreter_is_missing(fake: MakePeer) -> None:
    def find() -> tuple[str]:
        raise PeerError("no interpreter with torch: looked everywhere")

    rotation = turn(fake("a", interpreter=find), fake("b"))
    assert rotation.missing == {"a": "no interpreter with torch: looked everywhere"}
    assert list(rotation.measurements) == ["b"]
