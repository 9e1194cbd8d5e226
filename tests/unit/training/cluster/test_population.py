import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.api.train import train
from nextword.bundle.population import Ensemble, member_directories, member_directory
from nextword.errors import BundleError, CheckpointError, SettingError
from nextword.text.corpus import Corpus
from nextword.text.sources.samples import sample_path
from nextword.training.cluster.cluster import Member, own_directory
from nextword.training.cluster.group import ProcessGroup
from nextword.training.config import RunConfig
from nextword.training.step.distillation import Teacher
from support.small_run import SMALL_RUN_SETTINGS

Environment = pytest.MonkeyPatch


pytestmark = pytest.mark.filterwarnings("ignore:.* of the words are unknown:nextword.errors.TrainingWarning")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    text = tmp_path_factory.mktemp("text") / "novel.txt"
    text.write_text(sample_path("austen").read_text(encoding="utf-8")[:80_000], encoding="utf-8")
    return Corpus.load(text)


def enter(environment: Environment, group: ProcessGroup) -> None:
    for name, value in group.to_environment().items():
        environment.setenv(name, value)


def train_member(environment: Environment, root: Path, corpus: Corpus, number: int) -> None:
    enter(environment, ProcessGroup(2, number))
    settings = {**SMALL_RUN_SETTINGS, "strategy": "population"}
    train(corpus, preset="quick", epochs=2, run=root, settings=settings, verbose=0)


@pytest.fixture(scope="module")
def population(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two members, trained one after the other."""
    root = tmp_path_factory.mktemp("runs") / "pair"
    with pytest.MonkeyPatch.context() as environment:
        train_member(environment, root, corpus, 1)
        assert Ensemble.read(root) is None
        train_member(environment, root, corpus, 0)
    return root


def test_members_are_runs_that_differ_in_their_seeds(population: Path) -> None:
    members = member_directories(population)
    assert members == [population / "member-0", population / "member-1"]
    seeds = [json.loads((member / "log.jsonl").read_text().splitlines()[-1])["valid_perplexity"] for member in members]
    assert seeds[0] != seeds[1]


def test_the_last_member_fits_weights_that_beat_the_better_half(population: Path) -> None:
    ensemble = Ensemble.read(population)
    assert ensemble is not None
    assert sum(ensemble.weights) == pytest.approx(1.0)
    assert ensemble.perplexity < min(ensemble.perplexities)
    assert min(ensemble.weights) > 0.05


def test_the_perplexity_of_the_mixture_is_that_of_the_ensemble_engine(population: Path, corpus: Corpus) -> None:
    from nextword.engine.methods.ensemble import EnsembleEngine, EnsembleOptions
    from nextword.engine.opening import open_model
    from nextword.engine.stream import token_log_probs

    ensemble = Ensemble.read(population)
    assert ensemble is not None
    engines = [open_model(member / "model", method="static").engine for member in member_directories(population)]
    engine = EnsembleEngine(engines, EnsembleOptions(ensemble_weights=ensemble.weights))
    mean = token_log_probs(engine, corpus.valid.ids).mean()
    assert float(np.exp(-mean)) == pytest.approx(ensemble.perplexity, rel=1e-4)


def test_a_population_can_be_distilled_into_one_model(population: Path, corpus: Corpus, tmp_path: Path) -> None:
    settings = {**SMALL_RUN_SETTINGS, "teacher": str(population)}
    train(corpus, preset="quick", epochs=1, run=tmp_path / "student", settings=settings, verbose=0)
    teacher, ensemble = Teacher.open(population), Ensemble.read(population)
    assert ensemble is not None
    assert teacher.weights == ensemble.weights
    assert len(teacher.models) == 2
    assert (tmp_path / "student" / "model" / "config.json").is_file()


def test_each_process_has_the_directory_of_its_member(population: Path, monkeypatch: Environment) -> None:
    assert own_directory(population / "member-0") == population / "member-0"
    enter(monkeypatch, ProcessGroup(2, 1))
    assert own_directory(population) == member_directory(population, 1)


@pytest.mark.parametrize("number", [None, 2])
def test_a_process_that_is_no_member_cannot_resume(
    population: Path, monkeypatch: Environment, number: int | None
) -> None:
    if number is not None:
        enter(monkeypatch, ProcessGroup(3, number))
    with pytest.raises(CheckpointError, match=r"train --resume .*/member-0; .* repeat the command that began"):
        own_directory(population)


def test_members_can_have_settings_of_their_own() -> None:
    tables: list[Any] = [{}, {"training": {"learning_rate": 0.5}}, {"training": {"seed": 7}, "model": {"tied": False}}]
    base = {"training": {"strategy": "population", "seed": 4}}
    config = RunConfig.of("quick", base).with_members([RunConfig.of("quick", base, table) for table in tables], {2})
    own = [Member(ProcessGroup(3, number)).settings(config) for number in range(3)]
    assert [each.training.seed for each in own] == [4, 5, 7]
    assert [each.training.learning_rate == 0.5 for each in own] == [False, True, False]
    assert [each.model.tied for each in own] == [True, True, False]
    assert {each.training.strategy for each in own} == {None}
    with pytest.raises(SettingError, match=r"3 tables \[\[member\]\] must have as many processes, but has 2"):
        Member(ProcessGroup(2, 0)).settings(config)


def test_a_seed_of_a_member_is_kept_even_if_it_is_that_of_the_population() -> None:
    base = {"training": {"strategy": "population", "seed": 4}}
    small = {"model": {"hidden_sizes": (8,), "embedding_size": 8}}
    members = [RunConfig.of("quick", base), RunConfig.of("quick", base, small)]
    drawn, kept = (RunConfig.of("quick", base).with_members(members, own) for own in ((), {1}))
    assert [Member(ProcessGroup(2, number)).settings(drawn).training.seed for number in (0, 1)] == [4, 5]
    assert [Member(ProcessGroup(2, number)).settings(kept).training.seed for number in (0, 1)] == [4, 4]


def test_members_that_would_be_the_same_model_are_refused() -> None:
    config = RunConfig.of("quick", {"training": {"strategy": "population", "seed": 4}})
    with pytest.raises(
        SettingError, match=r"must differ, but \[\[member\]\] 0 and 2 have the same .* the seed 4; change"
    ):
        config.with_members([config] * 3, {2})


def test_settings_of_members_need_a_population() -> None:
    config = RunConfig.of("quick")
    with pytest.raises(SettingError, match=r"\[\[member\]\] needs `strategy` population"):
        config.with_members([config])


@pytest.mark.parametrize("damaged", ["", "{}", '{"format": 1, "weights": [1], "perplexities": [2], "perplexity": 3}'])
def test_damaged_weights_are_refused(population: Path, tmp_path: Path, damaged: str) -> None:
    for member in member_directories(population):
        (tmp_path / member.name).mkdir()
        (tmp_path / member.name / "config.toml").write_bytes((member / "config.toml").read_bytes())
    (tmp_path / "ensemble.json").write_text(damaged, encoding="utf-8")
    with pytest.raises(BundleError, match="must be the weights of an ensemble"):
        Ensemble.read(tmp_path)
