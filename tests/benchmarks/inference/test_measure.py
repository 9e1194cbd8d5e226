from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.inference import measure
from harness.inference.catalogue import Group, InferencePeer
from harness.inference.measure import measure_inference
from harness.inference.report import InferenceReport
from harness.inference.settings import Effort, ModelSize
from harness.inference.work import InferenceWork
from harness.speed.peer import Peer, PeerError

MakePeer = Callable[..., Peer]

SIZE = ModelSize(vocabulary_size=50, hidden_size=4)
PATIENCE = 60


def run() -> InferenceReport:
    return measure_inference(SIZE, Effort(turns=2), pytorch=None, timeout=PATIENCE, say=print)


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders in which models are asked for; none are made."""
    asked: list[Path] = []

    def make_models(folder: Path, *_sizes: Any, timeout: float) -> dict[str, Any]:
        assert folder.is_dir()
        asked.append(folder)
        return {"words": 10}

    monkeypatch.setattr(measure, "make_models", make_models)
    return asked


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, fake: MakePeer) -> Callable[..., None]:
    """Puts groups of fake peers, given as names and faults, into the place of the real ones."""

    def put(*named: Sequence[tuple[str, str]]) -> None:
        def groups(size: ModelSize, effort: Effort, folder: Path, *, pytorch: str | None) -> list[Group]:
            return [
                Group([as_inference(fake(name, fault=fault), size, folder) for name, fault in group], effort.turns, 3)
                for group in named
            ]

        monkeypatch.setattr(measure, "groups", groups)

    return put


def as_inference(peer: Peer, size: ModelSize, folder: Path) -> InferencePeer:
    work = InferenceWork(size=size, folder=folder, precision="int8")
    return InferencePeer(peer.name, peer.program, work, peer.interpreter, peer.environment)


def test_one_group_takes_its_turns_after_the_other(
    folders: list[Path], use: Callable[..., None], journal: Callable[[], list[str]]
) -> None:
    use([("a", ""), ("b", "")], [("c", "")])
    report = run()
    turn = ["a runs 3", "b runs 3"]
    assert journal() == ["a starts", "b starts", *turn, *turn, "c starts", "c runs 3", "c runs 3"]
    assert report.rotation.measurements.keys() == {"a", "b", "c"}
    assert report.seconds("c", "step") == [1.0] * 6
    assert not folders[0].exists()


def test_who_fails_is_missing_and_the_others_are_measured(folders: list[Path], use: Callable[..., None]) -> None:
    use([("a", "crash"), ("b", "")], [("c", "crash at start"), ("d", "")])
    report = run()
    assert report.rotation.measurements.keys() == {"b", "d"}
    assert report.rotation.missing.keys() == {"a", "c"}
    assert "out of ideas" in report.rotation.missing["c"]


def test_models_that_cannot_be_made_end_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "inference_models.py"
    program.write_text("raise SystemExit('no disk left')\n", encoding="utf-8")
    monkeypatch.setattr(measure, "PROGRAMS", tmp_path)
    with pytest.raises(PeerError, match="no disk left"):
        run()


def test_the_models_are_made_as_they_are_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "inference_models.py"
    told = "import json, sys\nprint(json.dumps({'made': json.loads(sys.argv[1])}))\n"
    program.write_text(told, encoding="utf-8")
    monkeypatch.setattr(measure, "PROGRAMS", tmp_path)
    effort = replace(Effort(turns=4), sentences=77)
    made = measure.make_models(tmp_path, SIZE, effort, timeout=PATIENCE)
    assert (made["sentences"], made["shares"], made["folder"]) == (77, 4, str(tmp_path))
    assert ModelSize.from_table(made["model"]) == SIZE
