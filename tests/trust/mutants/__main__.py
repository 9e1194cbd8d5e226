"""`python -m trust.mutants`: would the tests notice a bug? Prints which test notices each planted one."""

import argparse
import sys

from trust.mutants.patches import PatchError, mutants
from trust.mutants.runner import Outcome, outcomes


def main() -> int:
    """Plant the bugs, and return 1 if one goes unnoticed."""
    parser = argparse.ArgumentParser(prog="python -m trust.mutants", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME", help="plant the bugs whose name holds NAME")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="run the tests of N bugs at once")
    options = parser.parse_args()
    planted = mutants(options.only)
    if not planted:
        sys.exit(f"no planted bug has {options.only!r} in its name")
    try:
        found = outcomes(planted, options.workers, _show)
    except (PatchError, RuntimeError) as error:
        sys.exit(str(error))
    missed = [outcome.mutant.name for outcome in found if outcome.noticed_by is None]
    print(f"{len(found) - len(missed)} of {len(found)} planted bugs were noticed")
    return 1 if missed else 0


def _show(outcome: Outcome) -> None:
    noticed = outcome.noticed_by or f"NOT NOTICED: {outcome.mutant.bug}"
    print(f"{outcome.mutant.name:40} {outcome.seconds:5.1f} s  {noticed}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
