"""The suite notices bugs: some are planted in a copy of the source, and a test must fail."""

from pathlib import Path

import pytest

from support.trust_cases import TrustCases, trust_amount
from trust.mutants.patches import ROOT, mutants
from trust.mutants.runner import outcomes

_QUICK = "disk_name_twice_in_json"


def test_every_patch_applies_and_names_its_tests() -> None:
    planted = mutants()
    assert len(planted) >= 40
    assert len({mutant.name.partition("_")[0] for mutant in planted}) == 11  # the rooms of the package
    for mutant in planted:
        mutant.require_applicable()
        assert mutant.bug
        for test in mutant.tests:
            path, _, name = test.partition("::")
            assert f"def {name}" in Path(ROOT, "tests", path).read_text(encoding="utf-8"), mutant.name


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_planted_bugs_are_noticed(trust_cases: TrustCases) -> None:
    found = outcomes(mutants(trust_amount(_QUICK, "")))
    missed = [outcome.mutant.name for outcome in found if outcome.noticed_by is None]
    trust_cases.add(len(found), len(found) - len(missed), max_seconds=max(outcome.seconds for outcome in found))
    assert not missed
