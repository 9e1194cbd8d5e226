"""Reloads under load, good and bad ones: does a request fail, or an answer mix two models?"""

import asyncio
import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.serving.catalogue import nextword_plan
from harness.serving.connection import Answer, BrokenAnswerError, Connection
from harness.serving.outcome import Bar, Outcome
from harness.serving.requests import Requests
from harness.serving.scenario import Scene
from harness.serving.server import Server
from harness.speed.peer import PeerError

RELOAD = "/admin/reload"
_HASH = "x-model-hash"
_PATIENT = {"NEXTWORD_SERVE_QUEUE_SECONDS": "600"}


@dataclass
class _Answers:
    """What came back during the reloads.

    Attributes:
        expected: Texts by model and request, from the models alone.
        texts: The model's hash, number of the request and text of each answer.
        failures: What went wrong.
        seconds: Latency of each answer.
        sent: Requests sent.
    """

    expected: dict[str, list[str]] = field(default_factory=dict)
    texts: list[tuple[str, int, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    sent: int = 0

    @property
    def mixed(self) -> int:
        """Answers that the model whose hash they carry does not give."""
        return sum(text != self.expected.get(name, {index: ""})[index] for name, index, text in self.texts)


def reload(scene: Scene) -> Outcome:
    """Ask for texts with fixed seeds while the bundle is exchanged, every second time for a bad one."""
    settings = scene.scenario_settings
    served = scene.folder / "served"
    bundles = [scene.folder / "float32", scene.folder / "second"]
    requests = Requests.of("float32", scene.size, scene.settings).bodies(0)
    bodies = [next(requests) for _ in range(max(1, settings.reload_requests // 10))]
    answers, swaps = _Answers(), _Swaps()
    for bundle in bundles:  # what each model says alone
        _put(bundle, served)
        with Server(nextword_plan("reload", served), timeout=scene.timeout) as server:
            name, texts = asyncio.run(_alone(server, bodies))
            answers.expected[name] = texts
    _put(bundles[0], served)
    with Server(nextword_plan("reload", served, _PATIENT), timeout=scene.timeout) as server:
        scene.say(f"reload: {settings.reloads} times")
        asyncio.run(_under_load(scene, server, bodies, answers, swaps, bundles))
    return _outcome(answers, swaps)


@dataclass
class _Swaps:
    """The reloads.

    Attributes:
        good: Seconds of each reload that succeeded.
        bad_refused: Bad bundles that were refused.
        wrong: Reloads with another result than they should have.
    """

    good: list[float] = field(default_factory=list)
    bad_refused: int = 0
    wrong: list[str] = field(default_factory=list)


def _put(bundle: Path, served: Path, *, bad: bool = False) -> None:
    """Put a bundle into the place that is served; a bad one lacks the end of its model."""
    fresh = served.with_name("fresh")
    shutil.copytree(bundle, fresh)
    if bad:
        model = fresh / "model.onnx"
        model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    shutil.rmtree(served, ignore_errors=True)
    fresh.rename(served)


async def _alone(server: Server, bodies: list[dict[str, Any]]) -> tuple[str, list[str]]:
    async with Connection(server.port) as connection:
        model = await _model(connection)
        answers = [await connection.complete({**body, "model": model}) for body in bodies]
    if not all(answer.ok for answer in answers):
        raise PeerError(f"did not answer: {answers[0].body[:200].decode(errors='replace')}")
    return answers[0].headers[_HASH], [_text(answer) for answer in answers]


async def _model(connection: Connection) -> str:
    """Return the name that the service gives its model."""
    answer = await connection.request("GET", "/v1/models")
    if not answer.ok:
        raise PeerError(f"does not list its model: {answer.status}")
    name: str = answer.table["data"][0]["id"]
    return name


async def _under_load(
    scene: Scene, server: Server, bodies: list[dict[str, Any]], answers: _Answers, swaps: _Swaps, bundles: list[Path]
) -> None:
    settings = scene.scenario_settings
    async with Connection(server.port) as connection:
        model = await _model(connection)
    reloading = asyncio.create_task(_swap(server, scene, swaps, bundles))
    each = -(-settings.reload_requests // settings.others)

    async def ask(client: int) -> None:
        async with Connection(server.port) as connection:
            number = 0
            while number < each or not reloading.done():
                index = (client + number * settings.others) % len(bodies)
                await _ask(connection, {**bodies[index], "model": model}, index, answers)
                number += 1

    await asyncio.gather(reloading, *(ask(client) for client in range(settings.others)))


async def _ask(connection: Connection, body: dict[str, Any], index: int, answers: _Answers) -> None:
    answers.sent += 1
    try:
        answer = await connection.complete(body)
    except (BrokenAnswerError, OSError) as error:
        answers.failures.append(f"{type(error).__name__}: {error}")
        return
    if not answer.ok:
        answers.failures.append(f"{answer.status} {answer.body[:200].decode(errors='replace')}")
        return
    answers.texts.append((answer.headers[_HASH], index, _text(answer)))
    answers.seconds.append(answer.seconds)


async def _swap(server: Server, scene: Scene, swaps: _Swaps, bundles: list[Path]) -> None:
    served, good = scene.folder / "served", 0
    async with Connection(server.port) as connection:
        for number in range(scene.scenario_settings.reloads):
            bad = number % 2 == 1
            good += not bad
            await asyncio.to_thread(_put, bundles[good % 2], served, bad=bad)
            begin = time.perf_counter()
            answer = await connection.request("POST", RELOAD)
            if answer.ok == bad:
                swaps.wrong.append(f"{answer.status} {answer.body[:200].decode(errors='replace')}")
            elif bad:
                swaps.bad_refused += 1
            else:
                swaps.good.append(time.perf_counter() - begin)


def _text(answer: Answer) -> str:
    text: str = json.loads(answer.body)["choices"][0]["text"]
    return text


def _outcome(answers: _Answers, swaps: _Swaps) -> Outcome:
    return Outcome(
        "reload",
        [
            Bar("requests that failed", len(answers.failures), 0),
            Bar("answers that mix two models", answers.mixed, 0),
            Bar("reloads with a wrong result", len(swaps.wrong), 0),
        ],
        {
            "requests": answers.sent,
            "models that answered": len({name for name, _, _ in answers.texts}),
            "reloads": len(swaps.good),
            "bad bundles refused": swaps.bad_refused,
            "longest reload, s": max(swaps.good, default=None),
            "longest answer, s": max(answers.seconds, default=None),
            "first failure": next(iter([*answers.failures, *swaps.wrong]), None),
        },
    )
