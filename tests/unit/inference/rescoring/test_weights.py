from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.inference.rescoring.weights import Features, RescoringWeights, WeightsFile, first_of_highest
from support.nbest_lists import features_of

WEIGHTS = RescoringWeights(model_weight=0.432, length_weight=-1.5, first_pass_weights=(1.0, 0.25))


def test_a_written_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "weights.toml"
    written = WeightsFile(WEIGHTS, ("acoustic", "grammar"), {"nbest": "dev.tsv", "wer_rescored": 0.125})
    written.write(path)
    assert WeightsFile.read(path) == written
    written.write(path)  # in place of the former


def test_weights_follow_the_order_of_the_scores() -> None:
    saved = WeightsFile(WEIGHTS, ("acoustic", "grammar"))
    assert saved.for_scores(("grammar", "acoustic")).first_pass_weights == (0.25, 1.0)
    with pytest.raises(
        SettingError, match=r"must have the scores of the weights \(acoustic, grammar\), but have acoustic, pitch"
    ):
        saved.for_scores(("acoustic", "pitch"))
    with pytest.raises(SettingError, match=r"but have none"):
        saved.for_scores(())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_weight =", "must be valid TOML, but are not"),
        ("[rescorin]\n", "`rescorin` is not a table of weights; did you mean `rescoring`"),
        ("[rescoring]\nmodel_wait = 1.0\n", "did you mean `model_weight`"),
        ("[rescoring]\nmodel_weight = 'high'\n", "`model_weight` must be of type float, but is 'high'"),
        ("[rescoring]\nmodel_weight = nan\n", "`model_weight` must be a finite number"),
        ("[rescoring]\nfirst_pass_weights = [1.0]\n", "must have one value for each score .* but has 1; give 0"),
        (
            f"[rescoring]\nfirst_pass_weights = [1.0]\n[scores]\nnames = {['s'] * 1000}\n",
            r"each score \((s, ){20}\.\.\.\), but has 1; give 1000",
        ),
        ("[rescoring]\nmodel_weight = 1e300\n", "`model_weight` must be at most"),
        ("rescoring = 3\n", r"`rescoring` must be a table, but is 3; write \[rescoring\] above"),
        ("tuned = 3\n", r"`tuned` must be a table, but is 3; write \[tuned\] above"),
        ("scores = []\n", r"`scores` must be a table, but is \[\]; write \[scores\] above"),
        ("[scores]\nnames = 'acoustic'\n", r"`names` in \[scores\] must be a list of names"),
    ],
)
def test_an_invalid_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "weights.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match=message) as error:
        WeightsFile.read(path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="No such file"):
        WeightsFile.read(tmp_path / "none.toml")


@given(st.lists(st.lists(st.integers(0, 3), min_size=1), min_size=1))
def test_the_first_of_the_highest_values_is_found_in_each_segment(segments: list[list[int]]) -> None:
    values = np.array([float(value) for segment in segments for value in segment])
    begins = np.cumsum([0, *map(len, segments)])
    expected = [begin + segment.index(max(segment)) for begin, segment in zip(begins, segments, strict=False)]
    assert first_of_highest(values, begins).tolist() == expected


def test_a_selection_keeps_the_features_of_its_utterances() -> None:
    features = features_of(1, num_utterances=9)
    kept = np.arange(9) % 2 == 0
    some, others = features.of_utterances(kept), features.of_utterances(~kept)
    weights = np.array([0.5, 0.1, 1.0])
    assert (some.num_utterances, others.num_utterances) == (5, 4)
    assert some.num_errors(weights) + others.num_errors(weights) == features.num_errors(weights)


def test_the_spread_is_measured_within_lists() -> None:
    values = np.array([[1.0, 5.0], [3.0, 5.0], [100.0, 5.0]])
    features = Features.of([values[:2], values[2:]], [np.array([0, 1]), np.array([2])])
    assert features.begins.tolist() == [0, 2, 3]
    assert features.spread().tolist() == pytest.approx([np.sqrt(2 / 3), 0.0])
