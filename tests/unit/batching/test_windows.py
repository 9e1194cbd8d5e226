import numpy as np

from nextword.batching.options import BatchOptions
from nextword.batching.streams import Streams
from nextword.batching.successive import SuccessiveWindows
from nextword.batching.windows import make_windows

IDS = np.arange(100, dtype=np.int32)


def test_streams_are_the_default_and_begin_with_the_end_token() -> None:
    windows = make_windows(IDS, BatchOptions(batch_size=2, num_steps=5), end_id=7)
    assert isinstance(windows, Streams)
    assert windows.window(0).inputs[0, 0] == 7


def test_successive_windows_skip_by_their_length_where_nothing_else_is_said() -> None:
    options = BatchOptions(windows="successive", batch_size=2, num_steps=5)
    windows = make_windows(IDS, options, end_id=7)
    assert isinstance(windows, SuccessiveWindows)
    assert windows.window(0).inputs[1, 0] == 5
    assert make_windows(IDS, options.replace(skip_step=3), end_id=7).window(0).inputs[1, 0] == 3
