from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.text import shards as shards_module
from nextword.text.line_ends import segments
from nextword.text.options import LineEnds
from nextword.text.reader import LineReader, TextRange
from nextword.text.shards import shards_of

SHARED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize("line_ends", ["line", "paragraph"])
@SHARED_FOLDER
@given(text=st.text("aé \r\n\n"), size=st.integers(1, 30), block=st.integers(1, 5))
def test_shards_have_the_segments_of_the_whole(
    tmp_path: Path, text: str, size: int, block: int, line_ends: LineEnds
) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(text.encode())
    whole = TextRange.whole(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards_module, "_BLOCK", block)
        shards = shards_of(whole, line_ends, size)
    assert [shard.start for shard in shards[1:]] == [shard.stop for shard in shards[:-1]]
    assert (shards[0].start, shards[-1].stop) == (0, whole.num_bytes)
    assert all(shard.num_bytes >= size for shard in shards[:-1])
    found = [segment for shard in shards for segment in segments(LineReader(shard), line_ends)]
    assert found == list(segments(LineReader(whole), line_ends))


def test_a_shard_ends_at_the_first_place_after_its_size(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"one\ntwo\n\nthree\n\nfour\n")
    part = TextRange.whole(path)
    assert [shard.stop for shard in shards_of(part, "line", 5)] == [8, 15, 21]
    assert [shard.stop for shard in shards_of(part, "paragraph", 5)] == [9, 16, 21]
    assert [(shard.start, shard.stop) for shard in shards_of(part.part(4, 21), "line", 100)] == [(4, 21)]


def test_a_line_longer_than_a_shard_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"a" * 3_000_000 + b"\nb\n")
    assert [shard.num_bytes for shard in shards_of(TextRange.whole(path), "line", 10)] == [3_000_001, 2]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="must be a file that can be read"):
        shards_of(TextRange(tmp_path / "none.txt", 0, 100), "line", 10)
