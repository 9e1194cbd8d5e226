import json
import random
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest

from nextword.bundle import run_directory
from nextword.bundle.model_card import SplitMetrics, figures_table
from nextword.bundle.store import read_bundle
from nextword.errors import CheckpointError, SettingError, TextError
from nextword.system import sealed_directory
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.config import RunConfig
from nextword.training.context import RunContext, TrainingObserver
from nextword.training.plan import Plan, TimePlan
from nextword.training.progress import RoundRecord, TrainingProgress
from support.checkpoint_stores import newest_of
from support.whole_runs import resume_run, start_run

CONFIG = RunConfig.of(
    "quick",
    {
        "model": {"embedding_size": 8, "hidden_sizes": [8]},
        "batching": {"batch_size": 4, "num_steps": 8},
        "training": {"epochs": 1.5, "round_steps": 20, "learning_rate": 0.02, "compute_dtype": "float32"},
        "text": {"minimum_count": 1},
    },
    origin={"command": "nextword train ..."},
)


class Rounds(TrainingObserver):
    """The rounds that were observed, and how many of them found the picture drawn."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.seen: list[int] = []
        self.drawn = 0

    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        self.seen.append(record.round)
        self.drawn += (self._root / "curves.svg").is_file()


class Epochs(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(epoch + 1)


class Run:
    """A finished run, with its messages and observed rounds."""

    def __init__(self, folder: Path) -> None:
        self.text = folder / "story.txt"
        self.text.write_text(story(), encoding="utf-8")
        self.root = folder / "run"
        self.rounds, self.epochs = Rounds(self.root), Epochs()
        self.said: list[str] = []
        self.details: list[str] = []
        told: Any = {"say": self.said.append, "detail": self.details.append}
        context = RunContext(observer=self.rounds, **told, callbacks=[self.epochs])
        self.finished = start_run(CONFIG, self.text, self.root, context)
        self.bundle = self.finished.bundle


def story() -> str:
    chosen = random.Random(0)
    return "".join(
        " ".join(chosen.choices(["a", "big", "cat", "saw", "the", "small", "dog"], k=6)) + "\n" for _ in range(300)
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("experiment"))


def test_a_run_writes_all_files_of_its_directory(run: Run) -> None:
    names = {path.name for path in run.root.iterdir() if not path.name.startswith(".")}
    logs = {"log.jsonl", "log.csv", "points.jsonl"}
    assert names == {"config.toml", "checkpoints", "metrics.json", "model", *logs, "curves.svg"}
    assert CheckpointStore(run.root / "checkpoints").newest() is not None


def test_the_curves_are_drawn_from_the_first_round_on(run: Run) -> None:
    assert run.rounds.drawn == len(run.rounds.seen) > 1


def test_the_bundle_on_disk_is_the_one_returned_and_its_card_has_the_metrics(run: Run) -> None:
    stored = read_bundle(run.root / "model")
    assert (stored.name, stored.architecture, stored.card) == (
        run.bundle.name,
        run.bundle.architecture,
        run.bundle.card,
    )
    assert stored.name == "story-quick"
    for name, weight in stored.weights.items():
        assert (weight == run.bundle.weights[name]).all()
    for promised in (
        "| valid |",
        "| test |",
        "nextword train ...",
        RunConfig.read(run.root / "config.toml").origin["text_sha256"],
    ):
        assert promised in stored.card


def test_the_log_agrees_with_the_checkpoint(run: Run) -> None:
    checkpoint = newest_of(CheckpointStore(run.root / "checkpoints"))
    lines = (run.root / "log.jsonl").read_text(encoding="utf-8").splitlines()
    progress = checkpoint.state["progress"]
    assert [json.loads(line) for line in lines] == progress["records"]
    assert 0.0 < progress["seconds_before"] < progress["records"][0]["seconds"]  # count-based initialization took some


def test_observer_and_callbacks_see_every_round_and_the_text_is_reported(run: Run) -> None:
    lines = (run.root / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert run.rounds.seen == run.epochs.seen == list(range(1, len(lines) + 1))
    assert len(lines) >= 3
    assert {"vocabulary", "model", "plan", "run"} <= {sentence.split()[0] for sentence in run.said}
    assert any("vocabulary of" in sentence for sentence in run.details)
    assert any("matrix products in float32; 4 x 8 tokens per step" in sentence for sentence in run.details)


def test_eight_lines_at_most_come_before_the_first_round(run: Run) -> None:
    before = run.said[: run.said.index("evaluating the best weights on valid and test")]
    assert "very little text" in before[0]
    assert len(before) <= 7  # the header of the rounds is the eighth


def test_the_settings_of_the_run_are_written_resolved(run: Run) -> None:
    config = RunConfig.read(run.root / "config.toml")
    assert config.origin["text_path"] == str(run.text.resolve())
    assert config.model.build(len(run.bundle.tokenizer.vocabulary)) == run.bundle.architecture
    assert config.training == CONFIG.training
    assert config.text.tokenizer == "word"
    assert config.plan is None


def test_a_run_by_epochs_does_not_change_a_stored_plan(run: Run, copied: Path) -> None:
    """`[plan]` belongs to a run by the clock; a run by epochs neither follows nor changes it."""
    plan = TimePlan(seconds=9.0, passes_at_end=1.0, round_steps=5, planned_steps=(7, 8))
    config = replace(RunConfig.read(copied / "config.toml"), plan=plan)
    (copied / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    assert resume_run(copied).progress.steps == run.finished.progress.steps
    assert RunConfig.read(copied / "config.toml").plan == plan


def test_the_metrics_on_disk_match_the_result_and_the_card(run: Run) -> None:
    table = json.loads((run.root / "metrics.json").read_text(encoding="utf-8"))
    assert table == run.finished.to_table()
    assert figures_table(run.finished.metrics) in read_bundle(run.root / "model").card
    assert figures_table([SplitMetrics(**row) for row in table["splits"]]) in run.bundle.card
    lines = (run.root / "log.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert (table["rounds"], table["steps"], table["seconds"]) == (
        len(records),
        records[-1]["step"],
        records[-1]["seconds"],
    )
    assert min(records, key=lambda record: record["valid_perplexity"])["round"] == table["best_round"]
    assert table["splits"][0]["perplexity"] == pytest.approx(
        records[table["best_round"] - 1]["valid_perplexity"], rel=0.01
    )


def test_a_warning_goes_to_the_context(copied: Path) -> None:
    newest = newest_of(CheckpointStore(copied / "checkpoints"))
    path = copied / "checkpoints" / f"step-{newest.step:010d}" / "arrays.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    seen: list[str] = []
    resume_run(copied, RunContext(warn=seen.append))
    (warning,) = seen
    assert "it is skipped" in warning


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Path:
    shutil.copytree(run.root, tmp_path / "run")
    return tmp_path / "run"


def test_resuming_a_finished_run_only_writes_bundle_and_log_again(run: Run, copied: Path) -> None:
    log = (copied / "log.jsonl").read_bytes()
    (copied / "log.jsonl").write_bytes(log[: len(log) // 2])
    shutil.rmtree(copied / "model")
    rounds = Rounds(copied)
    resume_run(copied, RunContext(observer=rounds))
    assert rounds.seen == []
    assert (copied / "log.jsonl").read_bytes() == log
    before, after = (sealed_directory.verify(root / "model") for root in (run.root, copied))
    assert before.keys() == after.keys()
    assert {name for name in after if after[name] != before[name]} <= {"README.md"}  # it has the date


def test_a_run_that_is_ended_where_it_is_sends_its_logs_what_they_lack(run: Run, copied: Path) -> None:
    started: list[int] = []

    class Log(TrainingObserver):
        def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
            started.append(progress.rounds)

    resume_run(copied, RunContext(observer=Log()), finish=True)
    assert started == [run.finished.progress.rounds]


def test_a_run_whose_checkpoints_are_gone_says_that_it_trains_again(run: Run, copied: Path) -> None:
    shutil.rmtree(copied / "checkpoints")
    said: list[str] = []
    finished = resume_run(copied, RunContext(warn=said.append))
    assert len(said) == 1
    assert f"`{copied / 'checkpoints'}` has no checkpoint that can be read" in said[0]
    assert "training begins again" in said[0]
    assert finished.progress.rounds == run.finished.progress.rounds


def test_a_picture_that_cannot_be_drawn_does_not_lose_the_model(copied: Path) -> None:
    shutil.rmtree(copied / "model")
    (copied / "curves.svg").unlink()
    (copied / "curves.svg").mkdir()
    said: list[str] = []
    resume_run(copied, RunContext(warn=said.append))
    assert any("no curves were drawn" in sentence and "curves.svg" in sentence for sentence in said)
    sealed_directory.verify(copied / "model")


def test_a_run_is_not_started_over_another(run: Run) -> None:
    before = sealed_directory.verify(run.root / "model")
    with pytest.raises(
        CheckpointError,
        match="must be a new directory, but holds a finished run; train in another directory, such as `--run",
    ):
        start_run(CONFIG, run.text, run.root)
    assert sealed_directory.verify(run.root / "model") == before


def test_a_changed_or_missing_text_is_refused(run: Run, tmp_path: Path) -> None:
    original = run.text.read_bytes()
    try:
        run.text.write_bytes(original + b"a cat saw the dog\n")
        with pytest.raises(CheckpointError, match=r"story\.txt` has changed; restore it"):
            resume_run(run.root)
        run.text.unlink()
        with pytest.raises(TextError, match=r"story\.txt"):
            resume_run(run.root)
    finally:
        run.text.write_bytes(original)


def test_settings_that_do_not_fit_the_text_create_no_run(run: Run, tmp_path: Path) -> None:
    too_many = RunConfig.of("quick", {"batching": {"batch_size": 60_000}, "model": CONFIG.model.to_table()})
    for _ in range(2):
        with pytest.raises(SettingError, match="a batch of 60000 streams needs at least 60000 tokens"):
            start_run(too_many, run.text, tmp_path / "run")
    too_wide = replace(CONFIG, training=CONFIG.training.replace(sampled_softmax=500))  # only the step knows this
    for _ in range(2):
        with pytest.raises(SettingError, match="`sampled_softmax` must be at least 2 and below the vocabulary size"):
            start_run(too_wide, run.text, tmp_path / "run")


def test_a_run_without_an_origin_in_its_settings_is_refused(copied: Path) -> None:
    config = RunConfig.read(copied / "config.toml")
    (copied / "config.toml").write_text(replace(config, origin={}).to_toml(), encoding="utf-8")
    with pytest.raises((CheckpointError, SettingError), match="text_path"):
        resume_run(copied)


@pytest.mark.parametrize("kind", ["rows", "file"])
def test_a_run_on_records_is_resumed_with_its_field_from_its_directory_alone(tmp_path: Path, kind: str) -> None:
    records = [{"body": line} for line in story().splitlines()]
    path = tmp_path / "story.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    config = replace(CONFIG, text=CONFIG.text.replace(field="body"), training=CONFIG.training.replace(epochs=0.5))
    text = iter(records) if kind == "rows" else path
    finished = start_run(config, text, tmp_path / "run", RunContext(warn=lambda _: None))
    table = tomllib.loads((tmp_path / "run" / "config.toml").read_text(encoding="utf-8"))
    assert table["text"]["field"] == "body"
    again = resume_run(tmp_path / "run", RunContext(warn=lambda _: None), finish=True)
    assert again.metrics == finished.metrics


def test_a_directory_in_use_is_refused_before_the_text_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_directory, "_PATIENCE", 0.0)
    monkeypatch.setattr(RunContext, "load_corpus", lambda *_, **__: pytest.fail("the text was read"))
    with run_directory.run_lock(tmp_path / "run"), pytest.raises(CheckpointError, match="is in use by"):
        start_run(CONFIG, "a text .\n" * 100, tmp_path / "run", RunContext())


def test_a_run_whose_text_cannot_be_read_leaves_no_directory(tmp_path: Path) -> None:
    with pytest.raises(TextError):
        start_run(CONFIG, str(tmp_path / "missing.txt"), tmp_path / "run", RunContext())
    assert not (tmp_path / "run").exists()
