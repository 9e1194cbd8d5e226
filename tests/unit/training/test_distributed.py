"""What the functions of several processes do alone; tests/end_to_end/test_distributed.py starts several."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nextword.text.batching.window import PartOfRows, Streams
from nextword.training import distributed
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.context import RunContext

ROWS = np.arange(12, dtype=np.int32).reshape(4, 3)


def test_alone_every_function_returns_what_it_was_given() -> None:
    windows, context = Streams(np.arange(50, dtype=np.int32), batch_size=4, num_steps=5, first_input=0), RunContext()
    given = [ROWS]
    assert (distributed.num_processes(), distributed.process_id()) == (1, 0)
    assert distributed.quiet(context) is context
    assert distributed.own_rows(windows) is windows
    assert distributed.agreed(given) is distributed.with_mean_gradients(given) is distributed.mean(given) is given
    assert distributed.gathered(ROWS) is distributed.own_part(ROWS) is ROWS


def test_alone_a_checkpoint_is_read_and_errors_stay_as_they_are(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(3, {"rows": ROWS}, {"progress": 1})
    found = distributed.checkpoint_of(store.newest)
    assert found is not None
    assert found.step == 3
    with pytest.raises(ValueError, match=r"^Gloo$"), distributed.together():
        raise ValueError("Gloo")


@pytest.mark.parametrize("variables", [{}, {"OMPI_COMM_WORLD_SIZE": "1"}, {"SLURM_STEP_NUM_TASKS": "one"}])
def test_without_a_launcher_of_several_jax_is_not_imported(variables: dict[str, str]) -> None:
    program = (
        "import os, sys\n"
        f"os.environ |= {variables}\n"
        "from nextword.training import distributed\n"
        "with distributed.together():\n"
        "    assert distributed.agreed(1) == 1\n"
        "assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_each_process_reads_its_rows_of_a_window() -> None:
    whole = Streams(np.arange(50, dtype=np.int32), batch_size=4, num_steps=5, first_input=0)
    parts = [PartOfRows(whole, part, 2) for part in range(2)]
    for step in range(3):
        windows = [part.window(step) for part in parts]
        for own, expected in zip(zip(*windows, strict=True), whole.window(step), strict=True):
            np.testing.assert_array_equal(np.concatenate(own), expected)
    for part in parts:
        assert (part.batch_size, part.words_per_step, part.steps_per_epoch) == (2, 20, whole.steps_per_epoch)
