"""Files that lie, under a seal that is in order: each is refused with one sentence before it can do harm."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.bundle.store import read_bundle
from nextword.system import sealed_directory

Files = dict[str, bytes]
Refusal = Callable[..., str]
Change = Callable[[Files], Files]
WEIGHTS = "weights.safetensors"


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
    """Change values of `config.json`; a name such as `tokenizer__kind` is in a table."""

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
    "no tokenizer": (drop("vocabulary.json"), "must hold `vocabulary.json`"),
    "no weights": (drop(WEIGHTS), "must hold `weights.safetensors`"),
    "no card": (drop("README.md"), "must hold `README.md`"),
    "a card that is no text": (put("README.md", b"\xff\xfe"), "`README.md` must be UTF-8"),
    # history.jsonl
    "a history that is no JSON": (put("history.jsonl", b"rounds"), "`history.jsonl` must be JSON"),
    "a history of lists": (put("history.jsonl", b"[1]\n"), "must hold an object of numbers in each line"),
    "a history of words": (put("history.jsonl", b'{"round": "one"}\n'), "must hold an object of numbers in each line"),
    "a deep history": (put("history.jsonl", b'{"round": [1]}\n'), "nested at most 1"),
    "a history of many rounds": (put("history.jsonl", b"{}\n" * 10_001), "must hold at most 10,000 rounds"),
    "a long history": (put("history.jsonl", b"{}\n" * 4_000_000), "`history.jsonl` must be at most"),
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
    "a tokenizer that is not its": (config(tokenizer__kind="character"), "must be that of a character tokenizer"),
    # vocabulary.json
    "a tokenizer that is no JSON": (put("vocabulary.json", b"\0"), "`vocabulary.json` must be JSON, but is not"),
    "a tokenizer that is no text": (put("vocabulary.json", b"\xff"), "`vocabulary.json` must be UTF-8"),
    "a deep tokenizer": (put("vocabulary.json", b"[" * 70_000), "`vocabulary.json` must be nested at most 2 deep"),
    "a tokenizer that is a list": (put("vocabulary.json", b"[]"), "must hold format, kind and tokens"),
    "a tokenizer with a token more": (swap("vocabulary.json", '"It"', '"It","x"'), "must have the 6 tokens"),
    "a tokenizer with a token twice": (swap("vocabulary.json", '"It"', '"It","It"'), "must be distinct"),
    "a tokenizer with a number": (swap("vocabulary.json", '"It"', "5"), "must give `tokens` as a list of strings"),
    "a tokenizer with a NUL": (swap("vocabulary.json", '"It"', '"I\\u0000"'), "without line end or NUL"),
    "a tokenizer with half a pair": (
        swap("vocabulary.json", '"It"', '"\\ud800"'),
        "`vocabulary.json` must not hold an unpaired surrogate",
    ),
    "a tokenizer of an earlier version": (
        put("tokenizer.json", b"{}"),
        "but holds `tokenizer.json` of an earlier version",
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
def test_hostile_contents_are_refused(path: Path, files: Files, refusal: Refusal, kind: str) -> None:
    change, said = HOSTILE[kind]
    changed = change(files)
    assert changed != files
    sealed_directory.write(path, changed, replace=True)
    assert said in refusal(path)


def test_the_changes_themselves_are_not_what_is_refused(path: Path, files: Files, watch: Any) -> None:
    for harmless in (config(name="other"), header(dict), data(bytes), weight(0.5)):
        sealed_directory.write(path, harmless(files), replace=True)
        with watch.during():
            read_bundle(path)
        assert watch.outside(path) == []


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
