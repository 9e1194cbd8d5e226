import itertools
from dataclasses import replace

from harness.inference.settings import ModelSize
from harness.serving.requests import Requests
from harness.serving.settings import LoadSettings

SIZE = ModelSize(vocabulary_size=100)
SETTINGS = LoadSettings(prompt_words=5, least_tokens=2, most_tokens=4)


def test_requests_have_the_lengths_of_the_settings() -> None:
    bodies = [*itertools.islice(Requests.of("m", SIZE, SETTINGS).bodies(0), 50)]
    assert {body["max_tokens"] for body in bodies} == {2, 3, 4}
    assert all(len(body["prompt"].split()) == 5 for body in bodies)
    assert len({body["seed"] for body in bodies}) == 50
    assert "stream" not in bodies[0]
    assert "top_p" not in bodies[0]


def test_they_are_the_same_for_every_server_and_others_for_every_client() -> None:
    first, again, other = (
        Requests.of(name, SIZE, SETTINGS).bodies(client) for name, client in (("a", 1), ("a", 1), ("a", 2))
    )
    assert [next(first) for _ in range(3)] == [next(again) for _ in range(3)]
    assert next(first)["prompt"] != next(other)["prompt"]


def test_streams_ask_for_the_number_of_tokens() -> None:
    requests = Requests.of("m", SIZE, replace(SETTINGS, top_p=0.9), stream=True)
    body = next(requests.bodies(0))
    assert (body["stream"], body["stream_options"], body["top_p"]) == (True, {"include_usage": True}, 0.9)
