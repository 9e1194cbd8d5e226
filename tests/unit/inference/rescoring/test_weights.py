from pathlib import Path

import pytest

from nextword.errors import SettingError
from nextword.inference.rescoring.weights import RescoringWeights, WeightsFile

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
        ("model_weight =", "must be valid TOML, but is not"),
        ("[rescorin]\n", "`rescorin` is not a table of weights; did you mean `rescoring`"),
        ("[rescoring]\nmodel_wait = 1.0\n", "did you mean `model_weight`"),
        ("[rescoring]\nmodel_weight = 'high'\n", "`model_weight` must be of type float, but is 'high'"),
        ("[rescoring]\nmodel_weight = nan\n", "`model_weight` must be a finite number"),
        ("[rescoring]\nfirst_pass_weights = [1.0]\n", "must have one value for each score .* but has 1; give 0"),
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
