"""The choices for a given time, on a machine with a fake speed."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nextword.errors import SettingError
from nextword.model.architecture import Architecture, useful_flops_per_word
from nextword.text.batching.window import make_windows
from nextword.text.corpus import Corpus
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.plan import MixturePlan, Plan, TimePlan
from nextword.training.planning import budget as budget_module
from nextword.training.planning.auto_settings import dropout_rates, size_of, weight_decay_of
from nextword.training.planning.budget import Budget
from nextword.training.planning.speed import RunCosts, TrainingSpeed, expected_seconds

VOCABULARY_SIZE = 10_000
NOW = 1000.0


class Machine:
    """A machine with a fixed number of floating-point operations per second; measurements take no time."""

    def __init__(self, flops_per_second: float) -> None:
        self.flops_per_second = flops_per_second
        self.measured: list[tuple[int, ...]] = []

    def measure(
        self, config: RunConfig, vocabulary_size: int, *, seconds: float, teacher: object = None
    ) -> TrainingSpeed:
        architecture = config.model.build(vocabulary_size)
        self.measured.append(architecture.hidden_sizes)
        words_per_second = self.flops_per_second / useful_flops_per_word(architecture)
        return TrainingSpeed(
            compute_dtype=config.training.compute_dtype,
            num_steps=1,
            seconds=seconds,
            words_per_second=words_per_second,
            flops_per_second=self.flops_per_second,
        )


def plan_time(config: RunConfig, corpus: Corpus, budget: Budget, context: RunContext) -> RunConfig:
    windows_of = partial(make_windows, corpus.train.ids, end_id=corpus.tokenizer.vocabulary.end_id)
    return budget_module.plan_time(config, windows_of, None, corpus=corpus, began=budget.began, context=context)


def with_many_words(corpus: Corpus) -> Corpus:
    """The corpus with a vocabulary of a usual size, mostly unused."""
    tokenizer: Any = SimpleNamespace(vocabulary=corpus.tokenizer.vocabulary, vocabulary_size=VOCABULARY_SIZE)
    return replace(corpus, tokenizer=tokenizer)


def text_of(folder: Path, lines: int) -> Corpus:
    text = folder / f"story{lines}.txt"
    text.write_text("the cat sat on the mat and looked at the dog .\n" * lines, encoding="utf-8")
    return with_many_words(Corpus.load(text, cache_dir=folder / "cache"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return text_of(tmp_path_factory.mktemp("budget"), 9000)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(2.7e11)
    monkeypatch.setattr(budget_module, "measure_training", machine.measure)
    monkeypatch.setattr(budget_module, "time", SimpleNamespace(monotonic=lambda: NOW))  # planning takes no time
    return machine


def architecture_of(config: RunConfig) -> Architecture:
    return config.model.build(VOCABULARY_SIZE)


def time_plan_of(config: RunConfig) -> TimePlan:
    assert config.plan is not None
    return config.plan


def steps_of(config: RunConfig) -> int:
    """The total number of planned steps."""
    return time_plan_of(config).planned_steps[0]


FixedPlan = Callable[..., RunConfig]


@pytest.fixture
def fixed(machine: Machine, corpus: Corpus) -> FixedPlan:
    def fix(
        minutes: float,
        *given: dict[str, Any],
        preset: str = "auto",
        said: list[str] | None = None,
        text: Corpus | None = None,
    ) -> RunConfig:
        config = RunConfig.of(preset, *given, {"training": {"minutes": minutes}}).resolved(
            text=corpus.options, compute_dtype="float32"
        )
        say: Callable[[str], object] = (lambda _text: None) if said is None else said.append
        return plan_time(config, text or corpus, Budget(60.0 * minutes, NOW), RunContext(say=say, detail=say))

    return fix


def test_more_time_gives_no_smaller_model_and_no_fewer_words(fixed: FixedPlan) -> None:
    plans = [fixed(minutes) for minutes in (1, 3, 10, 30, 60, 120, 480)]
    parameters = [architecture_of(plan).num_parameters for plan in plans]
    words = [steps_of(plan) * plan.batching.batch_size * plan.batching.num_steps for plan in plans]
    assert parameters == sorted(parameters)
    assert parameters[0] < parameters[-1]
    assert words[0] < words[1] < words[-1]


def test_the_planned_words_fill_the_time(fixed: FixedPlan, machine: Machine) -> None:
    plan = fixed(10)
    words = steps_of(plan) * plan.batching.batch_size * plan.batching.num_steps
    seconds = words * useful_flops_per_word(architecture_of(plan)) / machine.flops_per_second
    assert 0.85 * 600 < seconds < 600
    assert time_plan_of(plan).seconds == 600


@pytest.mark.parametrize("is_own", [True, False])
def test_a_plan_from_a_file_is_for_its_own_text(
    fixed: FixedPlan, corpus: Corpus, tmp_path: Path, *, is_own: bool
) -> None:
    tables = {**fixed(3).to_tables(), "origin": {"text_sha256": corpus.sha256}}
    given = RunConfig.of("auto", tables).resolved(text=corpus.options, compute_dtype="float32")
    planned = plan_time(given, corpus if is_own else text_of(tmp_path, 900), Budget(180.0, NOW), RunContext())
    assert given.plan is not None
    assert (planned.plan == given.plan) == is_own
    assert planned.model == given.model


def test_a_slow_machine_gets_a_smaller_model(fixed: FixedPlan, machine: Machine) -> None:
    fast = fixed(30)
    machine.flops_per_second /= 10
    assert architecture_of(fixed(30)).num_parameters < architecture_of(fast).num_parameters


@pytest.mark.parametrize("training", [{}, {"mixture": False}, {"averaging": "two_tailed"}])
def test_dropout_follows_the_planned_epochs(fixed: FixedPlan, corpus: Corpus, training: dict[str, Any]) -> None:
    plan = fixed(2, {"training": training})
    epochs = steps_of(plan) * plan.batching.batch_size * plan.batching.num_steps / len(corpus.train.ids)
    rates = dropout_rates(epochs)
    assert 0 < rates["output_dropout_rate"] < dropout_rates(1e6)["output_dropout_rate"]
    assert {name: getattr(plan.model, name) for name in rates} == rates


def epochs_only(corpus: Corpus, epochs: float, *given: dict[str, Any], preset: str = "auto") -> RunConfig:
    config = RunConfig.of(preset, *given, {"training": {"epochs": epochs}}).resolved(
        text=corpus.options, compute_dtype="float32"
    )
    return plan_time(config, corpus, Budget(0.0, NOW), RunContext())


def test_size_and_rates_follow_given_epochs_without_a_measurement(machine: Machine, corpus: Corpus) -> None:
    num_words, epochs = len(corpus.train.ids), 3e6 / len(corpus.train.ids)
    config = epochs_only(corpus, epochs)
    assert (machine.measured, config.plan) == ([], None)
    assert config.model.hidden_sizes == (480, 240)
    assert config.training.learning_rate == size_of(480)["training"]["learning_rate"]
    assert config.training.weight_decay == weight_decay_of(num_words)
    rates = dropout_rates(epochs)
    assert {name: getattr(config.model, name) for name in rates} == rates
    assert epochs_only(corpus, 0.5).model.hidden_sizes == (320, 160)
    assert epochs_only(corpus, 1e9).model.hidden_sizes == (1024, 512)


def test_a_short_text_that_is_read_often_is_averaged(corpus: Corpus) -> None:
    found = [epochs_only(corpus, epochs).training.averaging for epochs in (4.0, 6.0)]
    assert found == ["none", "two_tailed"]
    given = {"training": {"averaging": "exponential"}}
    assert epochs_only(corpus, 6.0, given).training.averaging == "exponential"
    assert epochs_only(corpus, 6.0, {"training": {"base": "austen"}}).training.averaging == "none"


def test_given_settings_and_other_presets_are_kept_with_epochs(corpus: Corpus) -> None:
    given = {"model": {"hidden_sizes": [64, 256], "input_dropout_rate": 0.25}, "training": {"learning_rate": 0.01}}
    config = epochs_only(corpus, 5, given)
    assert (config.model.hidden_sizes, config.model.input_dropout_rate) == ((64, 256), 0.25)
    assert config.training.learning_rate == 0.01
    quick = RunConfig.of("quick", {"training": {"epochs": 5.0}})
    assert epochs_only(corpus, 5, preset="quick").model == quick.model


def test_a_run_from_a_base_has_a_patience_of_a_third_of_its_rounds_with_epochs_too(corpus: Corpus) -> None:
    settings = {"base": "austen", "epochs": 10.0, "round_steps": 20}
    config = RunConfig.of("auto", {"training": settings}).resolved(text=corpus.options, compute_dtype="float32")
    planned = plan_time(config, corpus, Budget(60.0, NOW), RunContext())
    steps_per_epoch = make_windows(corpus.train.ids, config.batching, end_id=0).steps_per_epoch
    assert planned.training.patience == math.ceil(math.ceil(10 * steps_per_epoch / 20) / 3)


def test_a_short_text_is_read_eight_times_at_most_from_a_base(
    fixed: FixedPlan, machine: Machine, tmp_path: Path
) -> None:
    corpus = text_of(tmp_path, 500)
    config = fixed(10, {"training": {"base": "austen"}}, text=corpus)
    assert epochs_of(config, corpus) == 8
    assert {name: getattr(config.model, name) for name in dropout_rates(8)} == dropout_rates(8)
    rounds = math.ceil(steps_of(config) / time_plan_of(config).round_steps)
    assert config.training.patience == max(5, math.ceil(rounds / 3))
    assert (config.training.sampled_softmax, len(machine.measured)) == (None, 1)


def test_weight_decay_is_inversely_proportional_to_the_text(fixed: FixedPlan, corpus: Corpus) -> None:
    # A mean loss over N words with a penalty of c / N is, times N, the text's loss with a penalty of c.
    for minutes in (1, 60):
        decay = fixed(minutes).training.weight_decay
        assert decay * len(corpus.train.ids) == pytest.approx(2.8, rel=0.05)
    assert fixed(1, {"training": {"weight_decay": 0.001}}).training.weight_decay == 0.001


def test_weight_decay_has_a_maximum_for_a_text_of(fixed: FixedPlan, tmp_path: Path) -> None:
    plan = fixed(1, text=text_of(tmp_path, 200))
    assert plan.training.weight_decay == 1.5e-4


def test_a_large_vocabulary_is_sampled_however_often_the_text_is_read(fixed: FixedPlan, machine: Machine) -> None:
    for _ in range(2):
        assert fixed(10).training.sampled_softmax == VOCABULARY_SIZE / 5
        machine.flops_per_second *= 20


@pytest.mark.parametrize(
    "given",
    [
        {"training": {"sampled_softmax": 300}},
        {"training": {"sampled_softmax": 0}},
    ],
)
def test_a_softmax_that_was_asked_for_is_kept(fixed: FixedPlan, given: dict[str, Any]) -> None:
    plan = fixed(1, given)
    assert plan.training.sampled_softmax == given.get("training", {}).get("sampled_softmax")


def test_a_small_vocabulary_is_not_sampled(fixed: FixedPlan, corpus: Corpus) -> None:
    tokenizer: Any = SimpleNamespace(vocabulary=corpus.tokenizer.vocabulary, vocabulary_size=2_000)
    assert fixed(1, text=replace(corpus, tokenizer=tokenizer)).training.sampled_softmax is None


def test_overrides_win_over_the_chosen_settings(fixed: FixedPlan) -> None:
    given = {"model": {"hidden_sizes": [96, 64], "embedding_size": 64, "input_dropout_rate": 0.123}}
    plan = fixed(30, given)
    assert (plan.model.hidden_sizes, plan.model.input_dropout_rate) == ((96, 64), 0.123)
    assert plan.model.output_dropout_rate > 0


def test_the_embedding_is_as_wide_as_the_last_layer_that_was_given(fixed: FixedPlan, corpus: Corpus) -> None:
    for given in ({"hidden_sizes": [300, 256]}, {"hidden_sizes": [300, 256], "embedding_size": 256}):
        for config in (fixed(60, {"model": given}), epochs_only(corpus, 100, {"model": given})):
            assert (config.model.embedding_size, config.model.hidden_sizes) == (256, (300, 256))
            assert config.training.learning_rate == 0.009
    config = epochs_only(corpus, 1, {"model": {"hidden_sizes": [1024, 256]}})
    assert config.training.learning_rate == size_of(1024)["training"]["learning_rate"]
    config = epochs_only(corpus, 1, {"model": {"embedding_size": 256}})
    assert (config.model.embedding_size, config.model.hidden_sizes) == (256, (320, 256))


def test_another_preset_keeps_its_model_and_ends_with_a_learning_rate_of_zero(fixed: FixedPlan) -> None:
    said: list[str] = []
    plan = fixed(10, preset="medium", said=said)
    assert plan.model.hidden_sizes == (650, 650)
    assert plan.training.schedule == "linear"
    assert plan.training.learning_rate == 1.0
    assert "schedule linear instead of the preset's step, because the learning rate must end at zero" in said


def test_an_overridden_schedule_is_kept_or_refused(fixed: FixedPlan) -> None:
    assert fixed(10, {"training": {"schedule": "linear"}}).training.schedule == "linear"
    for preset in ("auto", "medium"):
        with pytest.raises(SettingError, match="`schedule` must be linear with `minutes`"):
            fixed(10, {"training": {"schedule": "step"}}, preset=preset)


def test_validation_takes_little_of_the_time(fixed: FixedPlan) -> None:
    for minutes in (2, 10, 120):
        plan = time_plan_of(fixed(minutes))
        rounds = -(-plan.planned_steps[0] // plan.round_steps)
        assert 4 <= rounds <= 40


@pytest.mark.parametrize("round_steps", [10, 1000])
def test_rounds_that_were_given_leave_less_or_more_time_to_training(
    round_steps: int, much_to_validate: Corpus, machine: Machine
) -> None:
    plan = plan_of(much_to_validate, 2e4, round_steps=round_steps)
    assert time_plan_of(plan).round_steps == round_steps
    steps, tokens = steps_of(plan), plan.batching.batch_size * plan.batching.num_steps
    validation = 0.5 * seconds_of(plan, machine, len(much_to_validate.valid.ids))
    validations = math.ceil(steps / round_steps) + time_plan_of(plan).passes_at_end
    spent = seconds_of(plan, machine, steps * tokens) + validations * validation + time_plan_of(plan).mixture_seconds
    assert spent == pytest.approx(2e4, rel=0.1)


@pytest.fixture
def much_to_validate(tmp_path: Path, machine: Machine) -> Corpus:
    machine.flops_per_second = 1e9  # a validation takes minutes
    for split, lines in (("train", 3000), ("valid", 3000), ("test", 3000)):
        (tmp_path / f"{split}.txt").write_text("the cat sat on the mat and looked .\n" * lines, encoding="utf-8")
    return with_many_words(Corpus.load(tmp_path, cache_dir=tmp_path / "cache"))


def plan_of(corpus: Corpus, seconds: float, averaging: str = "none", **training: Any) -> RunConfig:
    tables = {"training": {"minutes": seconds / 60, "averaging": averaging, **training}}
    config = RunConfig.of("small", tables).resolved(text=corpus.options, compute_dtype="float32")
    return plan_time(config, corpus, Budget(seconds, NOW), RunContext())


def seconds_of(config: RunConfig, machine: Machine, words: int) -> float:
    return words * useful_flops_per_word(architecture_of(config)) / machine.flops_per_second


def test_slow_validation_leaves_most_of_the_time_to_training(much_to_validate: Corpus, machine: Machine) -> None:
    num_words = len(much_to_validate.valid.ids)
    validation = 0.5 * seconds_of(plan_of(much_to_validate, 1e5), machine, num_words)
    for validations in (5, 7, 10, 20, 100):
        plan = plan_of(much_to_validate, validations * validation)
        rest = validations - time_plan_of(plan).passes_at_end - time_plan_of(plan).mixture_seconds / validation
        words = steps_of(plan) * plan.batching.batch_size * plan.batching.num_steps
        assert 0.5 * rest < seconds_of(plan, machine, words) / validation < rest


def test_a_sampled_softmax_validates_with_all_words_and_takes_longer_for_it(corpus: Corpus) -> None:
    def validation(sampled: int | None) -> float:
        settings: dict[str, dict[str, Any]] = {
            "model": {"hidden_sizes": (4,), "embedding_size": 4},
            "batching": {"batch_size": 4, "num_steps": 10},
        }
        config = RunConfig.of("quick", settings | {"training": {"epochs": 1, "sampled_softmax": sampled}})
        one, two = (Plan(100, 100 // rounds, (100,)) for rounds in (1, 2))
        return expected_seconds(config, corpus, two, 50.0) - expected_seconds(config, corpus, one, 50.0)

    whole = validation(None)
    assert whole == pytest.approx(0.5 * len(corpus.valid.ids) / 50.0)
    # A step computes 60 candidates and 40 targets; the weights of the layer are 4 * 4 * (4 + 4).
    assert validation(60) == pytest.approx(whole * (4 * VOCABULARY_SIZE + 128) / (4 * 100 + 128))
    assert validation(VOCABULARY_SIZE - 1) == pytest.approx(whole)


def test_a_run_from_a_base_reads_valid_three_times_at_its_end(corpus: Corpus) -> None:
    def seconds(**training: Any) -> float:
        config = RunConfig.of("quick", {"training": {"epochs": 1, "mixture": False, **training}})
        return expected_seconds(config, corpus, Plan(100, 100, (100,)), 50.0)

    reading = 0.5 * len(corpus.valid.ids) / 50.0
    assert seconds(base="austen") - seconds() == pytest.approx(2 * 1.3 * reading)


def test_two_averages_are_validated_each_round_and_one_of_them_evaluated_at_the_end(
    much_to_validate: Corpus, machine: Machine
) -> None:
    num_words = len(much_to_validate.valid.ids)
    reading = 0.5 * seconds_of(plan_of(much_to_validate, 1e5), machine, num_words)
    time_asked = 60 * reading
    one, two = (plan_of(much_to_validate, time_asked, averaging=kind) for kind in ("exponential", "two_tailed"))

    for plan, readings in ((one, 1), (two, 2)):
        time_plan = time_plan_of(plan)
        rounds = -(-steps_of(plan) // time_plan.round_steps)
        words = steps_of(plan) * plan.batching.batch_size * plan.batching.num_steps
        at_the_end = time_plan.passes_at_end * readings * reading + time_plan.mixture_seconds
        validating = readings * rounds * reading + at_the_end
        step = seconds_of(plan, machine, plan.batching.batch_size * plan.batching.num_steps)
        assert time_asked - step < seconds_of(plan, machine, words) + validating <= time_asked
    assert time_plan_of(one).passes_at_end == 2 * time_plan_of(two).passes_at_end


def test_a_mixture_takes_at_most_a_tenth_of_the_time_and_none_if_none_is_wanted(
    fixed: FixedPlan, corpus: Corpus
) -> None:
    for minutes in (0.2, 1, 2, 10, 60):
        assert time_plan_of(fixed(minutes)).mixture_seconds <= 6 * minutes
    assert time_plan_of(fixed(10)).mixture_seconds > 2
    slow, quick = (MixturePlan.of(fixed(10).training, corpus, seconds) for seconds in (1e-4, 1e-6))
    assert slow is not None
    assert quick is not None
    assert slow.seconds > quick.seconds
    assert quick.measures_test
    too_slow = MixturePlan.of(fixed(10).training, corpus, 1e-2)
    assert too_slow is not None
    assert not too_slow.measures_test
    assert too_slow.seconds <= 60
    saved = time_plan_of(fixed(10))
    at_the_end = MixturePlan.of(fixed(10).training, corpus, saved.token_seconds)
    assert at_the_end is not None
    assert at_the_end.seconds == saved.mixture_seconds
    without = fixed(10, {"training": {"mixture": False}})
    assert time_plan_of(without).mixture_seconds == 0
    assert steps_of(without) > steps_of(fixed(10))


@pytest.mark.parametrize(
    ("minutes", "rounds", "options", "expected"),
    [
        (1.0, 0, {}, 1.0),
        (3.0, 0, {}, 3.0),
        (1.0, 1, {}, 0.5),  # a validation costs half of its tokens
        (2.0, 1, {"averaging": "two_tailed"}, 1.0),  # and validates both averages
    ],
)
def test_steps_and_validations_fill_the_minutes(
    corpus: Corpus, minutes: float, rounds: int, options: dict[str, Any], expected: float
) -> None:
    settings = {"batching": {"batch_size": 4, "num_steps": 10}, "training": {"epochs": 1, **options}}
    tokens = len(corpus.valid.ids)
    steps = RunCosts.of(RunConfig.of("quick", settings), corpus, tokens / 60).steps_in(60.0 * minutes, rounds)
    assert steps / (tokens // 40) == pytest.approx(expected, rel=0.01)


def test_a_time_too_short_for_training_is_refused(much_to_validate: Corpus, machine: Machine) -> None:
    num_words = len(much_to_validate.valid.ids)
    validation = 0.5 * seconds_of(plan_of(much_to_validate, 1e5), machine, num_words)
    with pytest.raises(SettingError, match="`minutes` must leave time for training after one validation"):
        plan_of(much_to_validate, 3 * validation)


def test_a_plan_is_complete_and_survives_toml(fixed: FixedPlan, tmp_path: Path) -> None:
    plan = fixed(3)
    path = tmp_path / "config.toml"
    path.write_text(plan.to_toml(), encoding="utf-8")
    read = RunConfig.read(path)
    assert read == plan
    assert Plan.of(read.training, steps_per_epoch=100, time=read.plan).total_steps == steps_of(plan)


@pytest.mark.parametrize("taken", [31.0, 61.0, 1000.0])
def test_a_machine_that_is_measured_slowly_gets_the_smallest_model_and_no_second_measurement(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, machine: Machine, taken: float
) -> None:
    now = [NOW]
    asked: list[float] = []

    def measure(config: RunConfig, vocabulary_size: int, *, seconds: float, teacher: object) -> TrainingSpeed:
        now[0] += taken
        asked.append(seconds)
        return machine.measure(config, vocabulary_size, seconds=seconds, teacher=teacher)

    monkeypatch.setattr(budget_module, "measure_training", measure)
    monkeypatch.setattr(budget_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    config = RunConfig.of("auto", {"training": {"minutes": 1.0}}).resolved(text=corpus.options, compute_dtype="float32")
    said: list[str] = []
    plan = plan_time(config, corpus, Budget(60.0, NOW), RunContext(say=said.append))
    assert plan.model.hidden_sizes == (320, 160)
    late = f"reading the text and measuring this machine took {taken:.0f} of 60 seconds"
    assert said == [f"{late}, so the run takes about 30 seconds more"]
    assert time_plan_of(plan).seconds == 30.0
    assert steps_of(plan) > 0
    assert len(asked) == 1
    assert asked[0] <= 0.1 * 60


def epochs_of(config: RunConfig, corpus: Corpus) -> float:
    windows = make_windows(corpus.train.ids, config.batching, end_id=corpus.tokenizer.vocabulary.end_id)
    return steps_of(config) / windows.steps_per_epoch


@pytest.mark.parametrize("lines", [100, 500, 1500])
def test_a_short_text_is_trained_for_forty_epochs_however_much_time_there_is(
    fixed: FixedPlan, tmp_path: Path, lines: int
) -> None:
    corpus = text_of(tmp_path, lines)
    for minutes in (10, 480):
        plan = fixed(minutes, text=corpus)
        assert epochs_of(plan, corpus) == 40
        assert plan.model.hidden_sizes == (320, 160)
        needed = time_plan_of(plan).needed_seconds
        assert needed is not None
        assert 0 < needed < 60 * minutes
        assert -(-steps_of(plan) // time_plan_of(plan).round_steps) <= 20


def test_the_limit_of_epochs_grows_with_the_text_and_never_meets_a_long_one(fixed: FixedPlan, corpus: Corpus) -> None:
    plan = fixed(10_000)  # a week for 100,000 words
    assert epochs_of(plan, corpus) == pytest.approx(40 * len(corpus.train.ids) / 20_000, rel=0.01)
    assert time_plan_of(fixed(10)).needed_seconds is None


def test_a_run_by_minutes_has_a_patience_of_a_third_of_its_rounds_unless_one_is_given(fixed: FixedPlan) -> None:
    for minutes in (2, 10, 120):
        plan = fixed(minutes)
        rounds = -(-steps_of(plan) // time_plan_of(plan).round_steps)
        assert plan.training.patience == max(5, -(-rounds // 3))
    assert fixed(10, preset="medium").training.patience is not None
    assert fixed(10, {"training": {"patience": 2}}).training.patience == 2
