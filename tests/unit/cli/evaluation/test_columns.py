import json
import shutil
from pathlib import Path

import pytest

from nextword.cli.evaluation.columns import members_in
from support.commands import Captured, Json, nextword


@pytest.fixture(scope="module")
def population(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twins with different weights."""
    root = tmp_path_factory.mktemp("runs") / "twins"
    for number in range(2):
        shutil.copytree(trained_run, root / f"member-{number}")
    table = {"format": 1, "weights": [0.25, 0.75], "perplexities": [2.0, 2.0], "perplexity": 2.0}
    (root / "ensemble.json").write_text(json.dumps(table), encoding="utf-8")
    return root


def test_a_population_stands_for_its_members(population: Path, trained_run: Path, small_text: Path) -> None:
    members = (str(population / "member-0"), str(population / "member-1"))
    assert members_in([str(population)]) == (members, (0.25, 0.75))
    assert members_in([str(population), str(small_text)]) == ((*members, str(small_text)), (0.25, 0.75))
    assert members_in([str(population), str(trained_run)]) == ((*members, str(trained_run)), ())
    assert members_in([str(trained_run)]) == ((str(trained_run),), ())


def test_its_fitted_weights_are_those_of_the_ensemble(population: Path, json_of: Json) -> None:
    (table,) = json_of("evaluate", population, "--ensemble")["evaluations"]
    assert table["settings"] == {"ensemble": {"ensemble_weights": [0.25, 0.75]}}


def test_given_weights_replace_the_fitted_ones(population: Path, capsys: Captured) -> None:
    assert nextword("evaluate", population, "--ensemble", "--ensemble-weights", "1,1", "--json") == 0
    (table,) = json.loads(capsys.readouterr().out)["evaluations"]
    assert table["settings"] == {"ensemble": {"ensemble_weights": [1.0, 1.0]}}


def test_without_ensemble_members_stand_side_by_side(population: Path, json_of: Json) -> None:
    assert len(json_of("evaluate", population)["evaluations"]) == 2
