import numpy as np
import pytest

from nextword.text.batching.options import BatchOptions
from nextword.text.batching.rows import RowsOfProcess
from nextword.text.batching.streams import Streams
from nextword.text.batching.windows import make_windows

IDS = np.arange(200, dtype=np.int32)


@pytest.mark.parametrize("num_processes", [1, 2, 4])
@pytest.mark.parametrize("varied", [False, True])
def test_parts_together_are_the_whole(num_processes: int, varied: bool) -> None:
    options = BatchOptions(batch_size=4, num_steps=10, variable_num_steps=varied)
    whole = make_windows(IDS, options, end_id=0)
    parts = [RowsOfProcess(whole, num_processes, number) for number in range(num_processes)]
    for step in range(7):
        windows = [part.window(step) for part in parts]
        for name, array in whole.window(step)._asdict().items():
            assert np.array_equal(np.concatenate([getattr(each, name) for each in windows]), array)
    ours, theirs = parts[0].relative_lengths(9), whole.relative_lengths(9)
    assert (ours is None) == (theirs is None)
    assert parts[-1].steps_per_epoch == whole.steps_per_epoch


def test_rows_beyond_the_batch_count_nothing() -> None:
    streams = Streams(IDS, batch_size=3, num_steps=5, first_input=0)
    last = RowsOfProcess(streams, 2, 1).window(0)
    assert last.weights.tolist() == [[1.0] * 5, [0.0] * 5]
    assert last.inputs.dtype == np.int32
    assert RowsOfProcess(Streams(IDS, batch_size=1, num_steps=5, first_input=0), 4, 3).window(0).weights.sum() == 0
