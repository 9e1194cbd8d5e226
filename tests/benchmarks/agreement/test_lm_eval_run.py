import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.agreement.lm_eval_run import VARIABLE, Found, lm_eval_interpreter, read_found, run_lm_eval
from harness.agreement.tasks import LINES
from harness.speed.peer import PeerError

WriteResults = Callable[..., Path]


def test_what_it_wrote_is_read_in_the_order_of_the_documents(write_results: WriteResults) -> None:
    assert read_found(write_results(), "0.4.13") == Found(-30.5, [-10.0, -20.25], [[-1.5, -2.5]], 1.0, 99.5, "0.4.13")


def test_a_missing_file_is_named(write_results: WriteResults) -> None:
    with pytest.raises(PeerError, match=f"lm_eval wrote no samples_{LINES}"):
        read_found(write_results(without=LINES), "0.4.13")


def test_a_python_without_lm_eval_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, sys.executable)
    with pytest.raises(PeerError, match=r"no interpreter with lm_eval: .*by `make peers`"):
        lm_eval_interpreter()
    with pytest.raises(PeerError, match="no-such-python"):
        lm_eval_interpreter("no-such-python")


def test_its_failure_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=r"exit code 1: .*No module named lm_eval"):
        run_lm_eval(sys.executable, tmp_path, 1, "austen", concurrent=1, timeout=60)
