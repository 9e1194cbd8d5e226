import io
import json
from contextlib import ExitStack

from rich.console import Console

from nextword.settings import read_tables
from nextword.training.config import RunConfig
from nextword.training.tuning.database import Outcome
from nextword.training.tuning.report import StudyReport, describe, write_best
from nextword.training.tuning.study import Study


def played(study: Study) -> Study:
    with ExitStack() as held:
        first, second, third = (study.claim(held) for _ in range(3))
        assert first is not None
        assert second is not None
        assert third is not None
        config = first.config.resolved(text=first.config.text, compute_dtype="float32")
        study.directory.trial(first.number).config_file.write_text(config.to_toml(), encoding="utf-8")
        first.report(1, 30.0)
        first.report(2, 20.0)
        study.end(first, Outcome("complete", 20.0))
        second.report(1, 10.0)
        study.end(second, Outcome("pruned", why="ended after round 1"))
        study.end(third, Outcome("failed", why="out of memory"))
    return study


def test_complete_trials_come_first_in_the_report(study: Study) -> None:
    report = StudyReport.of(played(study))
    assert [(row.number, row.state, row.perplexity, row.rounds) for row in report.rows] == [
        (0, "complete", 20.0, 2),
        (1, "pruned", 10.0, 1),
        (2, "failed", None, 0),
    ]
    table = json.loads(report.to_json())
    assert table["best"] == table["trials"][0]
    assert table["trials"][2]["why"] == "out of memory"
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(report.table())
    lines = console.export_text().splitlines()
    assert lines[0].split() == ["trial", "valid", "perplexity", "rounds", "minutes", "learning_rate"]
    assert lines[1].split()[:3] == ["0", "20.00", "2"]
    assert lines[2].split()[-1] == "pruned"
    assert report.sentences()[0] == "3 trials: 1 complete, 1 pruned, 1 failed"
    assert report.sentences()[-1].startswith(
        "train with the best settings: nextword train story.txt --preset quick --config "
    )


def test_a_study_without_trials_has_an_empty_report(study: Study) -> None:
    report = StudyReport.of(study)
    assert json.loads(report.to_json()) == {"best": None, "trials": [], "importances": {}, "train_command": ""}
    assert report.table().row_count == 0
    write_best(study)
    assert not study.directory.best_file.exists()


def test_the_best_settings_are_those_of_the_best_trial_without_its_text(study: Study) -> None:
    write_best(played(study))
    tables = read_tables(study.directory.best_file)
    assert tables.keys() == {"text", "batching", "training", "model"}
    assert "vocabulary_size" not in tables["model"]
    config = RunConfig.of("quick", tables)
    assert config.training == study.settings.base.training.replace(learning_rate=0.02, sampled_softmax=0)


def test_values_are_shown_briefly() -> None:
    values = {"scale.dropout": 1.23456, "together.width": {"model": {"hidden_sizes": [8, 4], "tied": True}}}
    assert describe(values) == "dropout 1.235, width 8,4 / True"
