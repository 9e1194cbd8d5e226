"""Real sockets on loopback; the deadlines are far away unless a process is lost."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nextword.errors import ProcessLostError
from nextword.training.cluster.outer_weights import OuterWeights, Weights
from nextword.training.cluster.weight_exchange import WeightClient, WeightServer, key_of

KEY = key_of("a text")
Start = Callable[..., tuple[WeightServer, Callable[..., WeightClient], list[str]]]


def weights(value: float) -> Weights:
    return {"a": np.full(3, value, np.float32)}


@pytest.fixture
def start() -> Start:
    """Starts a server, and returns it with a maker of clients and its warnings."""

    def begin(
        num_processes: int, *, seconds: float = 60.0
    ) -> tuple[WeightServer, Callable[..., WeightClient], list[str]]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
        warnings: list[str] = []
        server = WeightServer(
            OuterWeights.of(weights(0.0)), num_processes, seconds=seconds, save=lambda _: None, warn=warnings.append
        )
        server.listen("127.0.0.1", port, KEY)

        def client(number: int, key: bytes = KEY) -> WeightClient:
            return WeightClient("127.0.0.1", port, number, key=key, seconds=seconds)

        return server, client, warnings

    return begin


def test_a_round_waits_for_all_and_gives_all_the_same(start: Start) -> None:
    _, client, warnings = start(3)
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda number: client(number).exchange(0, weights(number)), range(3)))
    expected = OuterWeights.of(weights(0.0)).after([weights(number) for number in range(3)]).weights["a"]
    for num_rounds, got in answers:
        assert num_rounds == 1
        assert np.array_equal(got["a"], expected)
    assert not warnings


def test_a_process_that_misses_the_deadline_is_left_out_and_may_come_back(start: Start) -> None:
    server, client, warnings = start(2, seconds=0.3)
    num_rounds, _ = client(0).exchange(0, weights(1.0))
    assert num_rounds == 1
    assert warnings == ["process 1 is left out: it did not come within 0.3 seconds of the first"]
    assert client(0).exchange(1, weights(2.0))[0] == 2  # at once
    assert len(warnings) == 1
    before = server.outer.weights["a"]
    num_rounds, got = client(1).exchange(0, weights(9.0))
    assert num_rounds == 2
    assert np.array_equal(got["a"], before)  # what it had learned is lost
    assert warnings[1] == "process 1 is back"
    with ThreadPoolExecutor() as pool:
        assert [
            answer[0] for answer in pool.map(lambda number: client(number).exchange(2, weights(1.0)), range(2))
        ] == [3, 3]


def test_a_process_that_has_finished_is_not_waited_for(start: Start) -> None:
    server, client, warnings = start(2)
    client(1).leave()
    assert client(0).exchange(0, weights(1.0))[0] == 1
    server.wait_for_others(60)
    assert not warnings


def test_a_process_that_knows_another_text_is_refused(start: Start) -> None:
    _, client, _ = start(1)
    with pytest.raises(ProcessLostError, match="must read the same text"):
        client(0, key_of("another")).current()
    assert client(0).current()[0] == 0


def test_a_server_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    client = WeightClient("127.0.0.1", 9, 1, key=KEY, seconds=0)
    monkeypatch.setattr(client, "_patience", 0.5)
    with pytest.raises(ProcessLostError, match=r"process 0 must answer at 127\.0\.0\.1:9"):
        client.current()
