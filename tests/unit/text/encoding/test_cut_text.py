"""Large texts: the shards, the processes that cut them, and what an interruption leaves."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nextword.errors import SettingError, StorageError, TextError
from nextword.system import sealed_directory
from nextword.text.corpus import Corpus
from nextword.text.encoding import cut_text as cut_text_module
from nextword.text.encoding import worker_pool
from nextword.text.encoding.cut_shard import ShardTask
from nextword.text.encoding.cut_text import Cutting
from nextword.text.encoding.token_store import TokenStore
from nextword.text.encoding.worker_pool import default_processes, run_tasks
from nextword.text.options import LineEnds, TextOptions, TokenizerKind
from nextword.text.reading.reader import LineReader, TextRange
from nextword.text.tokens.line_ends import segments
from support.small_tokenizers import count_pieces
from support.waiting import wait_until

PROSE = "".join(
    f"It is a truth number {number} universally\nacknowledged, that “a man” in\nGoteborg\u2019s café "
    f"No. {number % 7} must - be in want; of a wife.\n\n"
    for number in range(400)
)
SHARD = 4000


@pytest.fixture
def part(tmp_path: Path) -> TextRange:
    path = tmp_path / "prose.txt"
    path.write_text(PROSE, encoding="utf-8")
    return TextRange.whole(path)


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut_text_module, "SHARD_BYTES", SHARD)
    monkeypatch.setenv("NEXTWORD_TEXT_PROCESSES", "1")


def cutting(part: TextRange, cache: Path, line_ends: LineEnds = "line") -> Cutting:
    return Cutting(part, "word", line_ends, "strict", cache)


def with_shards_of(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut_text_module, "SHARD_BYTES", size)


@pytest.mark.parametrize("kind", ["pretokenized", "word", "subword", "character"])
def test_neither_shards_nor_processes_show_in_the_corpus(
    tmp_path: Path, part: TextRange, kind: TokenizerKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpora: list[Corpus] = []
    for size, processes in ((2**25, 1), (SHARD, 1), *([(SHARD, 2), (3 * SHARD, 3)] if kind == "word" else [])):
        monkeypatch.setenv("NEXTWORD_TEXT_PROCESSES", str(processes))
        with_shards_of(size, monkeypatch)
        cache = tmp_path / f"cache-{size}-{processes}"
        corpora.append(Corpus.load(part.path, TextOptions().replace(tokenizer=kind), cache_dir=cache))
    first, *others = corpora
    for corpus in others:
        assert corpus.tokenizer == first.tokenizer
        assert corpus.report == first.report
        for split in ("train", "valid", "test"):
            mine, expected = corpus.split(split).folder, first.split(split).folder
            assert mine.name == expected.name
            assert {path.name: path.read_bytes() for path in mine.iterdir()} == {
                path.name: path.read_bytes() for path in expected.iterdir()
            }


@pytest.mark.parametrize("kind", ["pretokenized", "word", "subword", "character"])
def test_ids_are_those_that_the_tokenizer_gives(tmp_path: Path, part: TextRange, kind: TokenizerKind) -> None:
    options = TextOptions(maximum_vocabulary=30).replace(tokenizer=kind)
    corpus = Corpus.load(part.path, options, cache_dir=tmp_path / "cache")
    tokenizer = corpus.tokenizer
    whole = TokenStore.of(part, tokenizer, cache=tmp_path / "cache")
    expected = np.concatenate(list(tokenizer.encode_segments(segments(LineReader(part), tokenizer.line_ends))))
    assert whole.ids.tolist() == expected.tolist()
    assert whole.report.num_unknown == np.count_nonzero(expected == tokenizer.vocabulary.unknown_id) > 0


@pytest.mark.parametrize("kind", ["word", "subword"])
def test_counts_are_those_of_the_pieces(tmp_path: Path, part: TextRange, kind: TokenizerKind) -> None:
    expected = count_pieces(segments(LineReader(part), "paragraph"), kind)
    with Cutting.by_text(part, kind, "strict", tmp_path / "cache").text() as text:
        parts = list(text.counts())
        assert len(text.shards) > 5
    assert sum(parts, Counter[str]()) == expected
    assert sum(map(len, parts)) == len(expected)


def test_shards_that_are_there_are_not_cut_again(
    tmp_path: Path, part: TextRange, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, cut = tmp_path / "cache", list[str]()
    run = ShardTask.run

    def recorded(task: ShardTask) -> None:
        run(task)
        cut.append(task.folder)

    def interrupted(task: ShardTask) -> None:
        if len(cut) == 3:
            raise KeyboardInterrupt
        recorded(task)

    monkeypatch.setattr(ShardTask, "run", interrupted)
    with pytest.raises(KeyboardInterrupt), cutting(part, cache).text():
        pass
    folder = cutting(part, cache, "line").folder
    assert sealed_directory.names(folder) == ["shard-000000", "shard-000001", "shard-000002"]
    (folder / ".tmp-shard-000003-0123456789ab").mkdir()  # as a killed process leaves it
    monkeypatch.setattr(ShardTask, "run", recorded)
    with cutting(part, cache).text() as text:
        assert len(cut) == len(set(cut)) == len(text.shards) > 10
    assert not list(folder.glob(".tmp-*"))


def test_shards_are_about_as_long_and_even_in_number(tmp_path: Path, part: TextRange) -> None:
    for size, number in ((part.num_bytes - 1, 2), (part.num_bytes // 2 - 1, 4), (part.num_bytes // 6 + 1, 6)):
        with pytest.MonkeyPatch.context() as patch:
            with_shards_of(size, patch)
            with cutting(part, tmp_path / "cache").text() as text:
                sizes = [shard.read.num_bytes for shard in text.shards]
        assert len(sizes) == number
        assert max(sizes) - min(sizes) < 100 * number  # a line, for each shard before the last


def tasks_run(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Record the first bytes of the tasks of each call of `run_tasks`, those ahead included."""
    seen: list[list[int]] = []
    run = worker_pool.run_tasks

    def recorded(tasks: list[ShardTask], *, ahead: list[ShardTask], processes: int | None = None) -> None:
        seen.append([task.start for task in (*tasks, *ahead)])
        run(tasks, ahead=ahead, processes=processes)

    monkeypatch.setattr(cut_text_module, "run_tasks", recorded)
    return seen


def test_splits_of_a_large_text_are_cut_together(
    tmp_path: Path, part: TextRange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTWORD_TEXT_PROCESSES", "2")
    seen = tasks_run(monkeypatch)
    corpus = Corpus.load(part.path, cache_dir=tmp_path / "cache")
    train, valid = (corpus.split(split).report.read.num_bytes for split in ("train", "valid"))
    first, *later = seen
    assert {0, train, train + valid} < set(first)
    assert later == [[], [], []]


def test_a_small_text_starts_no_process_for_its_splits(
    tmp_path: Path, part: TextRange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTWORD_TEXT_PROCESSES", "2")
    with_shards_of(part.num_bytes, monkeypatch)
    seen = tasks_run(monkeypatch)
    Corpus.load(part.path, cache_dir=tmp_path / "cache")
    assert list(map(len, seen)) == [1, 0, 1, 1]


def test_a_fault_of_a_text_that_is_cut_ahead_is_left_to_its_own_call(tmp_path: Path, part: TextRange) -> None:
    path, cache = tmp_path / "valid.txt", tmp_path / "cache"
    path.write_bytes(b"a\nb\xff\n")
    bad, good = TextRange.whole(path), TextRange(part.path, 0, SHARD // 2)
    with cutting(part, cache).text(ahead=[bad, good], processes=2) as text:
        assert len(text.shards) > 2
    assert sealed_directory.names(cutting(good, cache, "line").folder)
    with pytest.raises(TextError, match="line 2, byte 3"), cutting(bad, cache).text():
        pass


def test_a_text_that_another_program_cuts_is_not_cut_ahead(tmp_path: Path, part: TextRange) -> None:
    cache = tmp_path / "cache"
    other = TextRange(part.path, 0, SHARD // 2)
    with cutting(other, cache).text(), cutting(part, cache).text(ahead=[other], processes=2) as text:
        assert len(text.shards) > 2


def test_what_was_cut_ahead_with_wrong_line_ends_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut_text_module, "_BLOCK", 1000)
    path, cache = tmp_path / "mixed.txt", tmp_path / "cache"
    path.write_text("one line\n" * 200 + PROSE, encoding="utf-8")
    part, other = TextRange.whole(path), TextRange(path, 0, SHARD // 2)
    with Cutting.by_text(part, "word", "strict", cache).text(ahead=[other], processes=2) as text:
        assert text.line_ends == "paragraph"
    assert not cutting(other, cache, "line").folder.exists()
    assert cutting(other, cache, "paragraph").folder.exists()


def test_what_was_cut_is_removed_when_it_is_stored(tmp_path: Path, part: TextRange) -> None:
    cache = tmp_path / "cache"
    Corpus.load(part.path, cache_dir=cache)
    assert not [path for path in cache.iterdir() if path.name.startswith(".cutting-") and path.is_dir()]


def test_what_another_call_reads_is_not_removed(tmp_path: Path, part: TextRange) -> None:
    with cutting(part, tmp_path).text():
        cutting(part, tmp_path).remove()
        assert all(folder.is_dir() for folder in cutting(part, tmp_path).shards)
    cutting(part, tmp_path).remove()
    assert not cutting(part, tmp_path).folder.exists()


@pytest.mark.parametrize("processes", [1, 2])
def test_the_first_fault_of_the_text_is_named_by_file_line_and_byte(
    tmp_path: Path, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTWORD_TEXT_PROCESSES", str(processes))
    path = tmp_path / "bad.txt"
    path.write_bytes(b"line\n" * 3000 + b"b\xffd\n" + b"line\n" * 3000 + b"\0\n" + b"line\n" * 100)
    with (
        pytest.raises(TextError, match=r"bad\.txt`, line 3001, byte 15001: text must be UTF-8 .* 0xff"),
        cutting(TextRange.whole(path), tmp_path).text(),
    ):
        pass
    assert not [path for path in tmp_path.glob(".cutting-*") if path.is_dir()]


def test_a_text_that_changes_while_it_is_cut_is_refused(
    tmp_path: Path, part: TextRange, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ShardTask.run

    def change(task: ShardTask) -> None:
        run(task)
        part.path.write_text(PROSE + "more\n", encoding="utf-8")

    monkeypatch.setattr(ShardTask, "run", change)
    with (
        pytest.raises(TextError, match="must not change while it is read, but has changed"),
        cutting(part, tmp_path / "cache").text(),
    ):
        pass


def test_an_error_of_the_disk_is_that_of_the_process(tmp_path: Path, part: TextRange) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    tasks = [task_of(part, blocked / f"shard-{number}") for number in range(2)]
    with pytest.raises(OSError, match=r"Not a directory|exists"):
        run_tasks(tasks, processes=2)


def test_a_process_that_is_killed_is_reported(tmp_path: Path, part: TextRange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "_MODULE", "antigravity_is_no_module_of_ours")
    with pytest.raises(StorageError, match=r"must finish, but ended with code 1; .* NEXTWORD_TEXT_PROCESSES"):
        run_tasks([task_of(part, tmp_path / f"shard-{number}") for number in range(2)], processes=2)


def test_a_task_that_a_killed_process_never_read_is_dropped() -> None:
    workers = worker_pool._Workers()
    process = subprocess.Popen(
        [sys.executable, "-c", ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    process.wait()
    assert process.stdin is not None
    process.stdin.write("a task\n")
    workers._started.append(process)
    workers.stop()
    assert process.stdin.closed


@pytest.mark.parametrize(("asked", "expected"), [("3", 3), ("1", 1)])
def test_the_number_of_processes_can_be_set(asked: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTWORD_TEXT_PROCESSES", asked)
    assert default_processes() == expected


@pytest.mark.parametrize("asked", ["0", "-1", "two"])
def test_a_number_of_processes_must_be_one(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTWORD_TEXT_PROCESSES", asked)
    with pytest.raises(SettingError, match="must be a number of processes, at least 1"):
        default_processes()


def task_of(part: TextRange, folder: Path) -> ShardTask:
    return ShardTask(
        path=str(part.path),
        start=part.start,
        stop=part.stop,
        shown="",
        kind="word",
        line_ends="line",
        on_bad_bytes="strict",
        sha256="",
        folder=str(folder),
    )


LONG_PROGRAM = """
import sys
from pathlib import Path
from nextword.text.encoding import cut_text as module
from nextword.text.reading.reader import TextRange
module.SHARD_BYTES = 400_000
cutting = module.Cutting(TextRange.whole(Path(sys.argv[1])), "word", "line", "strict", Path(sys.argv[2]))
with cutting.text(processes=2) as text:
    print("cut", len(text.shards))
"""  # without a guard for __main__: a process that imported it again would start more of them


def start_long(path: Path, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LONG_PROGRAM, str(path), str(cache)], stdout=subprocess.PIPE, text=True
    )


def shards_in(cache: Path) -> list[Path]:
    return list(cache.glob(".cutting-*/shard-*"))


def workers_of(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text(encoding="ascii").split()]


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc, which this system has not")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_program_leaves_no_process_and_resumes_where_it_was(
    tmp_path: Path, number: signal.Signals
) -> None:
    path, cache = tmp_path / "long.txt", tmp_path / "cache"
    path.write_text(PROSE * 250, encoding="utf-8")
    with start_long(path, cache) as process:
        wait_until(lambda: len(shards_in(cache)) >= 2)
        workers = workers_of(process.pid)
        process.send_signal(number)
        process.wait()
        assert process.returncode != 0
    assert workers
    wait_until(lambda: not any(map(is_alive, workers)))
    before = {shard.name: shard.stat().st_ino for shard in shards_in(cache)}
    assert before
    with start_long(path, cache) as process:
        assert process.stdout is not None
        assert process.stdout.read().startswith("cut ")
    assert process.returncode == 0
    after = {shard.name: shard.stat().st_ino for shard in shards_in(cache)}
    assert len(after) > len(before)
    assert before.items() <= after.items()


def test_a_process_starts_without_a_training_framework() -> None:
    command = (
        "import sys, nextword.text.encoding.worker_pool; print({'jax', 'keras', 'onnxruntime'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
