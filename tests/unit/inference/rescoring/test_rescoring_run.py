"""A rescoring run from the first line to the report."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest

from nextword.errors import EvaluationError
from nextword.inference.rescoring.nbest import LineSource, NbestReader
from nextword.inference.rescoring.rescorer import ScoredList
from nextword.inference.rescoring.rescoring_run import RescoringRun
from nextword.inference.rescoring.tally import AFTER, BEFORE, HELD_OUT, ORACLE, References

Made = tuple[str, list[str]]
RunOf = Callable[..., tuple[RescoringRun, list[ScoredList]]]
WORDS = ("the", "cat", "sat", "cats", "at")


def made_up(seed: int, num_utterances: int = 12) -> Made:
    """Return lists whose score `grammar` correlates with the errors, and the references."""
    random = np.random.default_rng(seed)
    lines, references = ["utterance\ttext\tacoustic\tgrammar\treference"], []
    for utterance in range(num_utterances):
        said = random.choice(WORDS, 5).tolist()
        references.append(" ".join(said))
        for _ in range(6):
            heard = [str(random.choice(WORDS)) if random.random() < 0.3 else word for word in said]
            num_errors = sum(map(str.__ne__, heard, said))
            scores = f"{random.normal():.3f}\t{-num_errors + 0.7 * random.normal():.3f}"
            lines.append(f"u{utterance}\t{' '.join(heard)}\t{scores}\t{references[-1]}")
    return "\n".join(lines) + "\n", references


@pytest.fixture
def run_of(tmp_path: Path) -> RunOf:
    """Opens a text with a model that scores all hypotheses alike."""

    def open_text(text: str, **options: Any) -> tuple[RescoringRun, list[ScoredList]]:
        path = tmp_path / "lists.tsv"
        path.write_text(text, encoding="utf-8")
        reader = NbestReader(LineSource(str(path)))
        run = RescoringRun(reader, References(), model_name=options.get("model_name", "toy"))
        run.set_weights(options.get("weights"), options.get("given", {}))
        return run, [ScoredList(nbest, np.zeros(len(nbest.hypotheses))) for nbest in reader]

    return open_text


def texts_of(lines: Iterable[str]) -> list[str]:
    return [line.split("\t")[1] for line in lines]


def test_the_rates_match_jiwer(run_of: RunOf) -> None:
    text, references = made_up(0)
    run, lists = run_of(text, given={"model_weight": 0.0, "first_pass_weights": (0.0, 1.0)})
    best = texts_of(run.lines(lists, best_alone=True))
    report = run.report()
    firsts = [scored.nbest.hypotheses[0].text for scored in lists]
    oracle = [
        min((each.text for each in scored.nbest.hypotheses), key=lambda text, said=said: jiwer.wer(said, text))  # type: ignore[misc]
        for scored, said in zip(lists, references, strict=True)
    ]
    for who, texts in ((BEFORE, firsts), (AFTER, best), (ORACLE, oracle)):
        assert report.rates[who].wer == pytest.approx(jiwer.wer(references, texts))
    assert report.rates[AFTER].cer == pytest.approx(jiwer.cer(references, best))
    assert report.rates[ORACLE].wer <= report.rates[AFTER].wer < report.rates[BEFORE].wer
    assert report.comparison is not None
    difference = jiwer.wer(references, best) - jiwer.wer(references, firsts)
    assert -report.comparison.difference == pytest.approx(difference)
    assert -report.comparison.high <= difference <= -report.comparison.low
    assert "weights not tuned" in report.describe()[-1]


def test_a_report_of_one_utterance_counts_in_the_singular(run_of: RunOf) -> None:
    run, lists = run_of(made_up(0, num_utterances=1)[0], given={"model_weight": 0.0})
    list(run.lines(lists, best_alone=True))
    assert "lists.tsv: 1 utterance, 6 hypotheses, 5 words in the references" in run.report().describe()[0]


def test_a_tuned_report_says_so_and_compares_held_out_choices(run_of: RunOf, tmp_path: Path) -> None:
    text, _ = made_up(1)
    run, lists = run_of(text)
    tuned = run.tune(lists, {})
    assert [scored.nbest.utterance for scored in tuned] == [scored.nbest.utterance for scored in lists]
    list(run.lines(tuned, best_alone=True))
    report = run.report()
    assert report.is_tuned_on_itself
    assert list(report.rates) == [BEFORE, AFTER, HELD_OUT, ORACLE]
    assert report.rates[AFTER].word_errors <= report.rates[HELD_OUT].word_errors
    assert report.comparison is not None
    held_out = report.rates[BEFORE].wer - report.rates[HELD_OUT].wer
    assert report.comparison.difference == pytest.approx(held_out)
    assert report.to_table()["difference"]["compared"] == [BEFORE, HELD_OUT]
    assert "is too optimistic" in report.describe()[-1]

    path = tmp_path / "weights.toml"
    run.weights_file().write(path)
    again, lists = run_of(text, weights=path)
    list(again.lines(lists, best_alone=True))
    assert again.weights == run.weights
    assert again.report().is_tuned_on_itself  # recognized by its content
    assert again.report().rates[AFTER] == report.rates[AFTER]
    assert again.report().comparison is None  # there is nothing held out to compare

    other, lists = run_of(made_up(2)[0], weights=path, model_name="another")
    list(other.lines(lists, best_alone=True))
    assert not other.report().is_tuned_on_itself
    assert "lists.tsv`, which has other utterances" in other.report().describe()[-1]
    assert "tuned with the model `toy`, but this is `another`" in other.notes[0]


def test_scores_that_look_like_costs_give_a_note(run_of: RunOf) -> None:
    text = "".join(f"u{u}\tthe {word}\t{place}\tthe\n" for u in range(4) for place, word in enumerate(WORDS))
    text = "utterance\ttext\tcost\treference\n" + text
    run, lists = run_of(text)
    run.tune(lists, {})
    assert "`cost`; if lower values are better, give `--first-pass-weights -1`" in run.notes[0]
    run, lists = run_of(text, given={"first_pass_weights": (-1.0,)})
    run.tune(lists, {"first_pass_weights": (-1.0,)})
    assert run.notes == ["4 utterances are few: tuned weights are mostly chance below 30"]


def test_few_utterances_get_no_interval(run_of: RunOf) -> None:
    for count, is_shown in ((29, False), (30, True)):
        run, lists = run_of(made_up(0, num_utterances=count)[0], given={"model_weight": 0.5})
        list(run.lines(lists, best_alone=True))
        told = "\n".join(run.report().describe())
        assert ("95 % interval" in told) == is_shown
        assert ("29 utterances are too few for an interval; use at least 30" in told) != is_shown


def test_an_empty_reference_counts_its_insertions(run_of: RunOf) -> None:
    rows = ["u1\tthe cat\t2\t", "u1\t\t1\t", "u2\tthe cat\t1\tthe cat", "u3\tthe\t1\tthe cat"]
    run, lists = run_of("\n".join(["utterance\ttext\tscore\treference", *rows]) + "\n", given={"model_weight": 0.0})
    list(run.lines(lists, best_alone=True))
    report = run.report()
    assert (report.rates[BEFORE].word_errors, report.rates[ORACLE].word_errors) == (3, 1)
    assert report.rates[BEFORE].wer == pytest.approx(3 / 4)
    assert report.comparison is not None
    assert report.comparison.num_units == 2


def test_references_without_words_are_refused(run_of: RunOf) -> None:
    run, lists = run_of("utterance\ttext\tscore\treference\nu1\tthe\t1\t\n", given={"model_weight": 0.0})
    list(run.lines(lists, best_alone=True))
    with pytest.raises(EvaluationError, match="needs references with words"):
        run.report()


def test_a_single_utterance_is_not_compared(run_of: RunOf) -> None:
    run, lists = run_of("utterance\ttext\tscore\treference\nu1\tthe\t1\tthe cat\n", given={"model_weight": 0.0})
    list(run.lines(lists, best_alone=True))
    report = run.report()
    assert report.comparison is None
    assert report.to_table()["difference"] is None
    assert report.rates[AFTER].wer == 0.5
