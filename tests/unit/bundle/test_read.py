"""Every hostile bundle is refused with one sentence, in little memory, and nothing but its files is touched."""

import json
import os
import pickle
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword import manifest, sealed_directory
from nextword.bundle.bundle import Bundle
from nextword.bundle.read import read_bundle
from nextword.errors import BundleError

Files = dict[str, bytes]
Change = Callable[[Files], Files]
WEIGHTS = "weights.safetensors"
MAX_MEMORY = 3 * 2**20


class Watch:
    """What the interpreter did while it was watched: the audit events of this process."""

    def __init__(self) -> None:
        self.active = False
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.active:
            self.events.append((event, arguments))

    @contextmanager
    def during(self) -> Iterator[None]:
        self.events.clear()
        self.active = True
        try:
            yield
        finally:
            self.active = False


@pytest.fixture(scope="session")
def watch() -> Watch:
    return Watch()


def is_harmless(event: str, arguments: tuple[Any, ...], path: Path) -> bool:
    """Whether an event is the opening or listing of the bundle itself, or of a file in it by a plain name.

    Files are opened relative to the open directory, which the event does not show: the tests work in a directory of
    decoys, so that a file opened relative to that one would be seen by what is read from it.
    """
    if event == "os.scandir":
        return isinstance(arguments[0], int)
    if event != "open":
        return False
    name, mode, flags = arguments
    reads = mode in (None, "r") and not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    known = isinstance(name, int) or name in {str(path), str(path.with_name(f".aside-{path.name}"))} | set(DECOYS)
    return reads and known


DECOYS = ["config.json", "tokenizer.json", WEIGHTS, "README.md", "MANIFEST.json"]


@pytest.fixture(autouse=True)
def decoys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "decoys").mkdir()
    for name in DECOYS:
        (tmp_path / "decoys" / name).write_bytes(b"decoy")
    monkeypatch.chdir(tmp_path / "decoys")


def refusal(path: Path, watch: Watch, **options: int) -> str:
    """Return the sentence with which a bundle is refused."""
    tracemalloc.start()
    try:
        with watch.during(), pytest.raises(BundleError) as error:
            read_bundle(path, **options)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [event for event in watch.events if not is_harmless(*event, path)] == []
    assert watch.events or "\0" in str(path)
    assert peak < MAX_MEMORY
    message = str(error.value)
    assert message.startswith(f"`{path}` ")
    assert "\n" not in message
    assert len(message) < 1200 + len(str(path))
    return message


# Directories.


def link_weights(path: Path) -> None:
    (path / WEIGHTS).rename(path.with_name("w"))
    (path / WEIGHTS).symlink_to(path.with_name("w"))


def link_card_to_a_secret(path: Path) -> None:
    (path / "README.md").unlink()
    (path / "README.md").symlink_to("/etc/passwd")


def link_manifest(path: Path) -> None:
    (path / "MANIFEST.json").rename(path.with_name("m"))
    (path / "MANIFEST.json").symlink_to(path.with_name("m"))


def add_file(path: Path) -> None:
    (path / "custom.py").write_text("raise SystemExit", encoding="utf-8")


def add_directory(path: Path) -> None:
    (path / "assets").mkdir()


def make_pipe(path: Path) -> None:
    (path / WEIGHTS).unlink()
    os.mkfifo(path / WEIGHTS)


def make_directory(path: Path) -> None:
    (path / "config.json").unlink()
    (path / "config.json").mkdir()


def lose_weights(path: Path) -> None:
    (path / WEIGHTS).unlink()


def lose_manifest(path: Path) -> None:
    (path / "MANIFEST.json").unlink()


def cut_weights(path: Path) -> None:
    os.truncate(path / WEIGHTS, 100)


def inflate_weights(path: Path) -> None:
    os.truncate(path / WEIGHTS, 2**40)


def inflate_config(path: Path) -> None:
    os.truncate(path / "config.json", 2**40)


def seal_by_hand(path: Path, **seals: manifest.Seal) -> None:
    former = manifest.decode((path / "MANIFEST.json").read_bytes())
    (path / "MANIFEST.json").write_bytes(manifest.encode({**former, **seals}))


def name_outside(path: Path) -> None:
    (path.parent / "secret").write_bytes(b"secret")
    seal_by_hand(path, **{"../secret": manifest.seal_of(b"secret")})


def name_absolute(path: Path) -> None:
    seal_by_hand(path, **{"/etc/passwd": manifest.seal_of(b"")})


def promise_terabyte(path: Path) -> None:
    os.truncate(path / WEIGHTS, 2**40)
    seal_by_hand(path, **{WEIGHTS: manifest.Seal(2**40, "0" * 64)})


def promise_gigabyte(path: Path) -> None:
    os.truncate(path / WEIGHTS, 2**30)
    seal_by_hand(path, **{WEIGHTS: manifest.Seal(2**30, "0" * 64)})


def promise_long_config(path: Path) -> None:
    os.truncate(path / "config.json", 2**30)
    seal_by_hand(path, **{"config.json": manifest.Seal(2**30, "0" * 64)})


def promise_long_tokenizer(path: Path) -> None:
    os.truncate(path / "tokenizer.json", 2**30)
    seal_by_hand(path, **{"tokenizer.json": manifest.Seal(2**30, "0" * 64)})


def promise_long_card(path: Path) -> None:
    os.truncate(path / "README.md", 2**30)
    seal_by_hand(path, **{"README.md": manifest.Seal(2**30, "0" * 64)})


def garble_manifest(path: Path) -> None:
    (path / "MANIFEST.json").write_bytes(b'{"format": 1, "files": {}, "files": {}}')


def inflate_manifest(path: Path) -> None:
    os.truncate(path / "MANIFEST.json", 2**40)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (link_weights, "regular file"),
        (link_card_to_a_secret, "regular file"),
        (link_manifest, "regular file"),
        (add_file, "does not name the file 'custom.py'"),
        (add_directory, "does not name the file 'assets'"),
        (make_pipe, "regular file"),
        (make_directory, "regular file"),
        (lose_weights, "`weights.safetensors` is missing"),
        (lose_manifest, "`MANIFEST.json` is missing"),
        (cut_weights, "bytes long, but is 100"),
        (inflate_weights, "bytes long, but is 1099511627776"),
        (inflate_config, "bytes long, but is 1099511627776"),
        (name_outside, "plain names"),
        (name_absolute, "plain names"),
        (promise_terabyte, "its files must take at most 2147483648 bytes"),
        (promise_gigabyte, "`weights.safetensors` must be at most"),
        (promise_long_config, "`config.json` must be at most 65536 bytes"),
        (promise_long_tokenizer, "`tokenizer.json` must be at most"),
        (promise_long_card, "`README.md` must be at most"),
        (garble_manifest, "must not name 'files' twice"),
        (inflate_manifest, "`MANIFEST.json` must be at most 65536 bytes"),
    ],
)
def test_a_hostile_directory_is_refused(path: Path, watch: Watch, change: Callable[[Path], None], said: str) -> None:
    read_bundle(path)
    change(path)
    assert said in refusal(path, watch)


@pytest.mark.parametrize("name", DECOYS)
def test_a_changed_byte_in_any_file_is_refused(path: Path, watch: Watch, name: str) -> None:
    data = bytearray((path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (path / name).write_bytes(data)
    assert "is damaged" in refusal(path, watch)


@pytest.mark.parametrize("name", ["absent", "file", "nul\0"])
def test_what_is_no_directory_is_refused(tmp_path: Path, watch: Watch, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "must be a directory" in refusal(tmp_path / name, watch)


def test_a_bundle_larger_than_allowed_is_refused(path: Path, files: Files, watch: Watch) -> None:
    size = sum(map(len, files.values()))
    assert f"must take at most {size - 1} bytes, but take {size}" in refusal(path, watch, max_bytes=size - 1)
    assert read_bundle(path, max_bytes=size).name == "tiny-1.0"


# Contents, under a seal that is in order.


def put(name: str, data: bytes) -> Change:
    return lambda files: {**files, name: data}


def drop(name: str) -> Change:
    return lambda files: {other: data for other, data in files.items() if other != name}


def swap(name: str, old: str, new: str) -> Change:
    def change(files: Files) -> Files:
        assert files[name].count(old.encode()) >= 1
        return {**files, name: files[name].replace(old.encode(), new.encode(), 1)}

    return change


def config(**changes: Any) -> Change:
    """Change values of `config.json`; a name such as `tokenizer__kind` lies in a table."""

    def change(files: Files) -> Files:
        table = json.loads(files["config.json"])
        for name, value in changes.items():
            *tables, last = name.split("__")
            inner = table[tables[0]] if tables else table
            inner[last] = value
        return {**files, "config.json": json.dumps(table).encode()}

    return change


def architecture(**changes: Any) -> Change:
    return config(**{f"architecture__{name}": value for name, value in changes.items()})


def weights_file(header: Any, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def parts(files: Files) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(files[WEIGHTS][:8], "little")
    return json.loads(files[WEIGHTS][8 : 8 + length]), files[WEIGHTS][8 + length :]


def header(edit: Callable[[dict[str, Any]], object]) -> Change:
    """Change the header of the weights, and leave the data as they are."""

    def change(files: Files) -> Files:
        table, data = parts(files)
        edited = edit(table)
        return {**files, WEIGHTS: weights_file(table if edited is None else edited, data)}

    return change


def raw_header(text: bytes) -> Change:
    return lambda files: {**files, WEIGHTS: weights_file(text, parts(files)[1])}


def entry(**changes: Any) -> Change:
    return header(lambda table: table["lstm_0/kernel"].update(changes))


def data(edit: Callable[[bytes], bytes]) -> Change:
    """Change the data of the weights, and leave the header as it is."""

    def change(files: Files) -> Files:
        table, former = parts(files)
        return {**files, WEIGHTS: weights_file(table, edit(former))}

    return change


def weight(value: float) -> Change:
    return data(lambda former: former[:-4] + np.float32(value).tobytes())


def overlap(table: dict[str, Any]) -> None:
    table["lstm_1/bias"]["data_offsets"] = table["lstm_0/bias"]["data_offsets"]


def move_a_boundary(table: dict[str, Any]) -> None:
    first, second, *_ = sorted(table.values(), key=lambda values: values["data_offsets"])
    first["data_offsets"][1] = second["data_offsets"][0] = first["data_offsets"][1] + 4


def shift(table: dict[str, Any]) -> None:
    for values in table.values():
        values["data_offsets"] = [offset + 4 for offset in values["data_offsets"]]


class Exploit:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


HOSTILE: dict[str, tuple[Change, str]] = {
    # files
    "a file too many": (put("custom.py", b""), "must not hold `custom.py`"),
    "a pickle beside it": (put("weights.pkl", pickle.dumps(Exploit())), "must not hold `weights.pkl`"),
    "a Keras file beside it": (put("model.keras", b"PK\3\4"), "must not hold `model.keras`"),
    "no config": (drop("config.json"), "must hold `config.json`"),
    "no tokenizer": (drop("tokenizer.json"), "must hold `tokenizer.json`"),
    "no weights": (drop(WEIGHTS), "must hold `weights.safetensors`"),
    "no card": (drop("README.md"), "must hold `README.md`"),
    "a card that is no text": (put("README.md", b"\xff\xfe"), "`README.md` must be UTF-8"),
    # config.json
    "an empty config": (put("config.json", b""), "must be JSON"),
    "a config in UTF-16": (put("config.json", "{}".encode("utf-16")), "must be UTF-8"),
    "a config with a mark of byte order": (put("config.json", b"\xef\xbb\xbf{}"), "must be JSON"),
    "a config that is a list": (put("config.json", b"[]"), "must hold architecture, format, name, tokenizer"),
    "a config that is a pickle": (put("config.json", pickle.dumps(Exploit())), "must be UTF-8"),
    "a deep config": (put("config.json", b"[" * 60_000 + b"]" * 5_000), "nested at most 8"),
    "a deep value": (architecture(tied=[[[[[[[[1]]]]]]]]), "nested at most 8"),
    "a long config": (put("config.json", b" " * 70_000), "at most 65536 bytes"),
    "an unknown name": (config(module="os"), "and nothing else"),
    "a Lambda": (architecture(class_name="Lambda"), "`class_name` is not a setting"),
    "a vocabulary from a file": (config(tokenizer__vocabulary="/etc/passwd"), "`vocabulary` is not a setting"),
    "a name given twice": (swap("config.json", '"format": 1', '"format": 1, "format": 1'), "'format' twice"),
    "another format": (config(format=2), "must be of format 1, but is of 2"),
    "a format that is true": (config(format=True), "must be of format 1, but is of True"),
    "a name with a slash": (config(name="../../etc"), "`name` must be"),
    "a name with a NUL": (config(name="a\0b"), "`name` must be"),
    "a name that is a number": (config(name=1), "must give `name` as a str"),
    "a name with half a pair": (config(name="\ud800"), "unpaired surrogate"),
    "an architecture that is a list": (config(architecture=[]), "must give `architecture` as a dict"),
    "a huge vocabulary": (architecture(vocabulary_size=2**40), "`vocabulary_size` must be at most 4194304"),
    "an endless integer": (swap("config.json", ": 6,", ": 6" + "0" * 5_000 + ","), "at most 18 digits"),
    "a vocabulary of none": (architecture(vocabulary_size=0), "`vocabulary_size` must be at least 2"),
    "a vocabulary of true": (architecture(vocabulary_size=True), "`vocabulary_size` must be of type int"),
    "a vocabulary in words": (architecture(vocabulary_size="6"), "`vocabulary_size` must be of type int"),
    "a vocabulary of null": (architecture(vocabulary_size=None), "`vocabulary_size` must be of type int"),
    "the largest model": (
        architecture(vocabulary_size=2**22, embedding_size=2**14, hidden_sizes=[2**14] * 16),
        "bytes of the architecture's weights",
    ),
    "no layers": (architecture(hidden_sizes=[]), "`hidden_sizes` must be a list"),
    "many layers": (architecture(hidden_sizes=[1] * 10_000), "`hidden_sizes` must have at most 16"),
    "layers in a table": (architecture(hidden_sizes={"0": 4}), "`hidden_sizes` must be a list"),
    "layers in layers": (architecture(hidden_sizes=[[4]]), "`hidden_sizes` must be of type int"),
    "NaN": (swap("config.json", '_bias": 1.0', '_bias": NaN'), "holds NaN"),
    "infinity": (swap("config.json", '_bias": 1.0', '_bias": -Infinity'), "holds -Infinity"),
    "a number that overflows": (swap("config.json", '_bias": 1.0', '_bias": 1e999'), "below 1.8e308"),
    "all dropped": (architecture(hidden_dropout_rate=1.0), "`hidden_dropout_rate` must be below 1.0"),
    "tied without fitting": (architecture(tied=True), "`tied` needs a last layer"),
    "an unknown initializer": (architecture(initializer="os.system"), "`initializer` must be one of"),
    "a long initializer": (architecture(initializer="x" * 60_000), "`initializer` must be one of"),
    "no embedding size": (swap("config.json", '"embedding_size": 3,', ""), "`embedding_size`"),
    "an unknown tokenizer": (config(tokenizer__kind="pickle"), "`kind` must be one of"),
    "a tokenizer that is not its": (config(tokenizer__kind="character"), "tokenizer.json must be"),
    "line ends that do not fit": (config(tokenizer__kind="character", tokenizer__line_ends="paragraph"), "`line_ends`"),
    # tokenizer.json
    "a tokenizer that is no JSON": (put("tokenizer.json", b"\0"), "tokenizer.json must be plain JSON"),
    "a tokenizer that is no text": (put("tokenizer.json", b"\xff"), "`tokenizer.json` must be UTF-8"),
    "a deep tokenizer": (put("tokenizer.json", b"[" * 70_000), "tokenizer.json must be plain JSON"),
    "a tokenizer that is a list": (put("tokenizer.json", b"[]"), "must hold a table `vocab`"),
    "a tokenizer with ids apart": (swap("tokenizer.json", ":5", ":2147483647"), "must be 0 to 5"),
    "a tokenizer with an id twice": (swap("tokenizer.json", ":5", ":4"), "must be 0 to 5"),
    "a tokenizer with a token more": (swap("tokenizer.json", ":5", ':5,"x":6'), "must have the 6 tokens"),
    "a tokenizer with a token twice": (swap("tokenizer.json", ":5", ':5,"It":5'), "a key is repeated"),
    "a tokenizer with a NUL": (swap("tokenizer.json", '"It"', '"I\\u0000"'), "without line end or NUL"),
    "a tokenizer with half a pair": (swap("tokenizer.json", '"It"', '"\\ud800"'), "a token must be"),
    "a tokenizer with a step more": (
        swap("tokenizer.json", '"normalizer":null', '"normalizer":{"type":"NFKC"}'),
        "tokenizer.json must be that of a word tokenizer",
    ),
    # weights.safetensors
    "no weights at all": (put(WEIGHTS, b""), "bytes of the architecture's weights"),
    "weights that are a pickle": (put(WEIGHTS, pickle.dumps(Exploit()) + bytes(2_000)), "must be 8 bytes, a header"),
    "weights that are HDF5": (put(WEIGHTS, b"\x89HDF\r\n\x1a\n" + bytes(2_000)), "must be 8 bytes, a header"),
    "weights cut short": (data(lambda former: former[:-1]), "must be 8 bytes, a header"),
    "a byte too many": (data(lambda former: former + b"\0"), "must be 8 bytes, a header"),
    "a header of no length": (lambda files: {**files, WEIGHTS: bytes(8) + files[WEIGHTS][8:]}, "must be 8 bytes"),
    "an endless header": (lambda files: {**files, WEIGHTS: b"\xff" * 8 + files[WEIGHTS][8:]}, "must be 8 bytes"),
    "a header bomb": (raw_header(b"[" + b"[]," * 20_000 + b"[]]"), "must have a header with a table"),
    "a deep header": (raw_header(b"[" * 60_000), "nested at most 3"),
    "a long header": (header(lambda table: json.dumps(table).encode() + b" " * 70_000), "must be at most"),
    "a header that is no JSON": (raw_header(b"\0"), "must be JSON"),
    "a weight given twice": (
        header(lambda table: b'{"lstm_0/bias": 0,' + json.dumps(table).encode()[1:]),
        "must not name 'lstm_0/bias' twice",
    ),
    "metadata": (header(lambda table: table.update(__metadata__={"format": "pt"})), "'__metadata__' is missing or one"),
    "a weight too many": (header(lambda table: table.update(x=table["lstm_0/bias"])), "'x' is missing or one"),
    "a weight too few": (header(lambda table: table.pop("lstm_0/bias") and None), "'lstm_0/bias' is missing or one"),
    "a weight with a path": (
        header(lambda table: table.update({"../x": table.pop("lstm_0/bias")})),
        "'../x' is missing or one",
    ),
    "half the precision": (entry(dtype="F16"), "must hold `lstm_0/kernel` as F32, but holds it as 'F16'"),
    "integers": (entry(dtype="I32"), "must hold `lstm_0/kernel` as F32"),
    "a type that is a list": (entry(dtype=["F32"]), "must hold `lstm_0/kernel` as F32"),
    "a turned weight": (entry(shape=[16, 3]), "in the shape (3, 16), but holds it in [16, 3]"),
    "a flat weight": (entry(shape=[48]), "in the shape (3, 16)"),
    "a huge shape": (entry(shape=[2**40, 2**40]), "in the shape (3, 16)"),
    "a shape in fractions": (entry(shape=[3.0, 16.0]), "in the shape (3, 16)"),
    "a shape that is a number": (entry(shape=48), "in the shape (3, 16)"),
    "another field": (entry(strides=[1, 3]), "and nothing else"),
    "one offset": (entry(data_offsets=[0]), "two `data_offsets`"),
    "offsets in words": (entry(data_offsets=["0", "192"]), "two `data_offsets`"),
    "offsets below zero": (entry(data_offsets=[-192, 0]), "end to end, but `lstm_0/kernel`"),
    "offsets backwards": (entry(data_offsets=[192, 0]), "must hold the weights end to end"),
    "offsets beyond the end": (entry(data_offsets=[2**40, 2**40 + 192]), "must hold the weights end to end"),
    "no room": (entry(data_offsets=[0, 0]), "must hold the weights end to end"),
    "weights that overlap": (header(overlap), "must hold the weights end to end"),
    "a boundary that is moved": (header(move_a_boundary), "must hold the weights end to end"),
    "a gap before the first": (header(shift), "must hold the weights end to end"),
    "a weight that is NaN": (weight(np.nan), "must be finite"),
    "a weight that is infinite": (weight(np.inf), "must be finite"),
    "a weight that is minus infinite": (weight(-np.inf), "must be finite"),
    "weights that signal": (data(lambda former: b"\1\0\xa0\x7f" + former[4:]), "must be finite"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_contents_are_refused(path: Path, files: Files, watch: Watch, kind: str) -> None:
    change, said = HOSTILE[kind]
    changed = change(files)
    assert changed != files
    sealed_directory.write(path, changed, replace=True)
    assert said in refusal(path, watch)


def test_the_changes_themselves_are_not_what_is_refused(path: Path, files: Files, watch: Watch) -> None:
    for harmless in (config(name="other"), header(dict), data(bytes), weight(0.5)):
        sealed_directory.write(path, harmless(files), replace=True)
        with watch.during():
            read_bundle(path)
        assert watch.events
        assert all(is_harmless(*event, path) for event in watch.events)


def test_the_watch_sees_what_it_is_there_for(path: Path, watch: Watch) -> None:
    with watch.during():
        compile("1", "x", "eval")
        (path / "README.md").read_bytes()
        os.open(path / "new", os.O_CREAT | os.O_WRONLY)
    assert [event for event, _ in watch.events] == ["compile", "open", "open"]
    assert not any(is_harmless(*event, path) for event in watch.events)


def test_onnx_beside_the_weights_is_let_be(path: Path, files: Files) -> None:
    sealed_directory.write(path, {**files, "model.onnx": b"anything"}, replace=True)
    assert read_bundle(path).name == "tiny-1.0"


def test_a_link_to_a_bundle_is_followed(path: Path) -> None:
    path.with_name("current").symlink_to("tiny")
    assert read_bundle(path.with_name("current")).name == "tiny-1.0"


def test_weights_in_another_order_are_the_same(path: Path, files: Files, bundle: Bundle) -> None:
    table, former = parts(files)
    moved: dict[str, Any] = {}
    data = b""
    for name, values in sorted(table.items(), reverse=True):
        start, stop = values["data_offsets"]
        moved[name] = {**values, "data_offsets": [len(data), len(data) + stop - start]}
        data += former[start:stop]
    sealed_directory.write(path, {**files, WEIGHTS: weights_file(moved, data)}, replace=True)
    for name, weight in read_bundle(path).weights.items():
        np.testing.assert_array_equal(weight, bundle.weights[name])


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_changed_bytes_anywhere_are_refused_or_make_another_sound_bundle(
    path: Path, files: Files, watch: Watch, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    start = data.draw(st.integers(0, len(files[name])))
    changed = (
        files[name][:start] + data.draw(st.binary(max_size=8)) + files[name][start + data.draw(st.integers(0, 8)) :]
    )
    sealed_directory.write(path, {**files, name: changed}, replace=True)
    with watch.during(), suppress(BundleError):
        read_bundle(path)
    assert all(is_harmless(*event, path) for event in watch.events)
