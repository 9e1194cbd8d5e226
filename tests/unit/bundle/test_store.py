"""A bundle is read whole, and a directory that is none is refused in little memory, with nothing outside touched."""

import gzip
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.bundle.bundle import Bundle
from nextword.bundle.mixture import MixtureSettings
from nextword.bundle.origin import find_model, sample_model_path
from nextword.bundle.store import identity_of, model_sha256, read_bundle, read_config, write_bundle
from nextword.errors import BundleError, StorageError
from nextword.system import manifest, sealed_directory
from nextword.text.tokens.spelling import SpellingModel
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.small_mixture import with_mixture

Files = dict[str, bytes]
Refusal = Callable[..., str]
Change = Callable[[Path], object]
WEIGHTS = "weights.safetensors"
FILES = ("config.json", "vocabulary.json", WEIGHTS, "README.md", "MANIFEST.json")


def replaced(name: str, make: Callable[[Path], object]) -> Change:
    """Put something else in the place of a file."""

    def change(path: Path) -> None:
        (path / name).unlink()
        make(path / name)

    return change


def sealed(name: str, seal: manifest.Seal) -> Change:
    """Change the manifest by hand."""

    def change(path: Path) -> None:
        former = manifest.decode((path / "MANIFEST.json").read_bytes())
        (path / "MANIFEST.json").write_bytes(manifest.encode({**former, name: seal}))

    return change


def promised(name: str, size: int) -> Change:
    """Make a file of this size without content, which its seal confirms."""

    def change(path: Path) -> None:
        os.truncate(path / name, size)
        sealed(name, manifest.Seal(size, "0" * 64))(path)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (replaced("README.md", lambda file: file.symlink_to("/etc/passwd")), "regular file"),
        (sealed("../secret", manifest.seal_of(b"secret")), "plain names"),
        (promised(WEIGHTS, 2**40), "its files must take at most 8589934592 bytes"),
        (promised(WEIGHTS, 2**30), "`weights.safetensors` must be at most"),
        (promised("config.json", 2**30), "`config.json` must be at most 65536 bytes"),
        (promised("vocabulary.json", 2**30), "`vocabulary.json` must be at most"),
        (promised("README.md", 2**30), "`README.md` must be at most"),
    ],
)
def test_a_hostile_directory_is_refused(path: Path, refusal: Refusal, change: Change, said: str) -> None:
    (path.parent / "secret").write_bytes(b"secret")
    read_bundle(path)
    change(path)
    assert said in refusal(path)


def change_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_in_any_file_is_refused(path: Path, refusal: Refusal, name: str) -> None:
    change_a_byte(path / name)
    assert "is damaged" in refusal(path)


def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="must be a directory"):
        read_bundle(tmp_path / "nul\0")


def test_a_bundle_larger_than_allowed_is_refused(path: Path, files: Files, refusal: Refusal) -> None:
    size = sum(map(len, files.values()))
    assert f"must take at most {size - 1} bytes, but take {size}" in refusal(path, max_bytes=size - 1)
    assert read_bundle(path, max_bytes=size).name == "tiny-1.0"


def test_the_watch_sees_what_it_is_there_for(path: Path, watch: Any) -> None:
    with watch.during():
        compile("1", "x", "eval")
        (path / "README.md").read_bytes()
        os.close(os.open(path / "new", os.O_CREAT | os.O_WRONLY))
    assert [event for event, _ in watch.events] == ["compile", "open", "open"]
    assert watch.outside(path) == watch.events


def test_onnx_beside_the_weights_is_read_for_the_engine_to_look_through(path: Path, files: Files) -> None:
    sealed_directory.write(path, {**files, "model.onnx": b"anything"}, replace=True)
    assert read_bundle(path).onnx == b"anything"


def test_onnx_that_promises_a_gigabyte_is_refused(path: Path, files: Files, refusal: Refusal) -> None:
    sealed_directory.write(path, {**files, "model.onnx": b"anything"}, replace=True)
    promised("model.onnx", 2**30)(path)
    assert "`model.onnx` must be at most" in refusal(path)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_changed_bytes_anywhere_are_refused_or_make_another_sound_bundle(
    path: Path, files: Files, watch: Any, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    start = data.draw(st.integers(0, len(files[name])))
    changed = (
        files[name][:start] + data.draw(st.binary(max_size=8)) + files[name][start + data.draw(st.integers(0, 8)) :]
    )
    sealed_directory.write(path, {**files, name: changed}, replace=True)
    with watch.during(), suppress(BundleError):
        read_bundle(path)
    assert watch.outside(path) == []


def test_what_is_written_is_read(path: Path, bundle: Bundle) -> None:
    again = read_bundle(path)
    assert (again.name, again.architecture, again.tokenizer, again.card) == (
        bundle.name,
        bundle.architecture,
        bundle.tokenizer,
        bundle.card,
    )
    assert list(again.weights) == list(bundle.architecture.weight_shapes())
    for name, weight in bundle.weights.items():
        np.testing.assert_array_equal(again.weights[name], weight, strict=True)


def test_the_spelling_model_is_part_of_a_bundle(tmp_path: Path, bundle: Bundle) -> None:
    spelling = SpellingModel.fit(["walked", "talked"], bundle.tokenizer.vocabulary.tokens)
    write_bundle(tmp_path / "spelled", replace(bundle, tokenizer=replace(bundle.tokenizer, spelling=spelling)))
    read = read_bundle(tmp_path / "spelled").tokenizer
    assert (tmp_path / "spelled" / "spelling.json").is_file()
    assert read.speller.log_prob("balked") == spelling.log_prob("balked")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"{}", "`spelling.json` must hold format, log_unknown and followers"),
        (b'{"format":1,"log_unknown":0,"followers":{"":["a",[-1],1]}}', "`spelling.json` must give characters"),
        (b" " * 300_001, "`spelling.json` must be at most 300000 bytes long"),
    ],
)
def test_a_hostile_spelling_model_is_refused(
    path: Path, files: Files, refusal: Refusal, content: bytes, fault: str
) -> None:
    sealed_directory.write(path, {**files, "spelling.json": content}, replace=True)
    assert fault in refusal(path)


def test_the_same_bundle_is_written_to_the_same_bytes(tmp_path: Path, path: Path, bundle: Bundle) -> None:
    write_bundle(tmp_path / "again", read_bundle(path))
    assert sealed_directory.read(tmp_path / "again") == sealed_directory.read(path)


def test_a_bundle_is_replaced_only_when_asked(path: Path, bundle: Bundle) -> None:
    other = replace(bundle, name="other")
    with pytest.raises(StorageError, match="exists already"):
        write_bundle(path, other)
    assert read_bundle(path).name == bundle.name
    write_bundle(path, other, replace=True)
    assert read_bundle(path).name == "other"


def test_a_card_that_no_reader_would_take_is_not_written(tmp_path: Path, bundle: Bundle) -> None:
    with pytest.raises(BundleError, match=r"`README\.md` must be at most"):
        write_bundle(tmp_path / "long", replace(bundle, card="x" * (2**20 + 1)))
    assert not (tmp_path / "long").exists()


def test_a_tokenizer_that_no_reader_would_take_is_not_written(tmp_path: Path, bundle: Bundle) -> None:
    vocabulary = Vocabulary(("<unk>", "<eos>", *(letter * 40_000 for letter in "abcd")))
    with pytest.raises(BundleError, match=r"`vocabulary\.json` must be at most"):
        write_bundle(tmp_path / "long", replace(bundle, tokenizer=Tokenizer("word", "line", vocabulary)))
    assert not (tmp_path / "long").exists()


def test_the_config_is_read_without_the_other_files(path: Path, bundle: Bundle) -> None:
    for name in (WEIGHTS, "vocabulary.json", "README.md"):
        (path / name).write_bytes(b"")
    config = read_config(path)
    assert (config.name, config.architecture) == (bundle.name, bundle.architecture)
    assert (config.tokenizer.kind, config.tokenizer.line_ends) == ("word", "line")
    (path / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=WEIGHTS):
        read_config(path)


def test_a_slim_bundle_is_written_and_read(slim_path: Path, bundle: Bundle) -> None:
    assert set(sealed_directory.read(slim_path)) == {"config.json", "vocabulary.json", "model.onnx", "README.md"}
    slim = read_bundle(slim_path)
    assert slim.is_slim
    assert (slim.onnx, slim.architecture, slim.card) == (bytes(range(256)) * 2, bundle.architecture, bundle.card)
    assert list(slim.weights) == list(bundle.weights)
    with pytest.raises(BundleError, match=r"`tiny-1\.0` must have its float32 weights for this, but is a slim copy"):
        slim.weights["lstm_0/bias"]
    assert read_config(slim_path).name == "tiny-1.0"
    assert repr(slim) == "Bundle('tiny-1.0', LSTM 4-4, 6 words, model.onnx only)"


def test_a_slim_bundle_is_copied_as_it_is(slim_path: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "copy", read_bundle(slim_path, defer_weights=True))
    assert sealed_directory.read(tmp_path / "copy") == sealed_directory.read(slim_path)


def test_a_slim_bundle_never_replaces_float32_weights(path: Path, slim_path: Path) -> None:
    before, slim = sealed_directory.read(path), read_bundle(slim_path)
    with pytest.raises(BundleError, match="a slim copy must not replace the float32 weights"):
        write_bundle(path, slim, replace=True)
    assert sealed_directory.read(path) == before
    write_bundle(slim_path, slim, replace=True)
    assert read_bundle(slim_path).is_slim


def test_a_model_is_known_by_the_sum_of_what_it_holds(path: Path, slim_path: Path) -> None:
    full, slim = sealed_directory.verify(path), sealed_directory.verify(slim_path)
    assert identity_of(path) == f"tiny-1.0 {full[WEIGHTS].sha256[:12]}"
    assert identity_of(slim_path) == f"tiny-1.0 {slim['model.onnx'].sha256[:12]}"


def test_a_mixture_is_part_of_what_a_model_is_known_by(path: Path, tmp_path: Path) -> None:
    digests = {model_sha256(path)}
    assert digests == {model_sha256(path, with_mixture=False)}
    for number, weight in enumerate((0.1, 0.2)):
        mixed = with_mixture(read_bundle(path), settings=MixtureSettings(ngram_weight=weight))
        write_bundle(tmp_path / f"mixed-{number}", mixed)
        assert model_sha256(tmp_path / f"mixed-{number}", with_mixture=False) in digests
        digests.add(model_sha256(tmp_path / f"mixed-{number}"))
    assert len(digests) == 3


def forget_onnx(path: Path) -> None:
    (path / "model.onnx").unlink()
    former = manifest.decode((path / "MANIFEST.json").read_bytes())
    kept = {name: seal for name, seal in former.items() if name != "model.onnx"}
    (path / "MANIFEST.json").write_bytes(manifest.encode(kept))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: (path / WEIGHTS).write_bytes(b"weights"), "does not name the file 'weights.safetensors'"),
        (lambda path: (path / "model.onnx").unlink(), "`model.onnx` is missing"),
        (forget_onnx, "must hold `weights.safetensors` or `model.onnx`, but holds neither"),
        (lambda path: change_a_byte(path / "model.onnx"), "is damaged"),
        (promised("model.onnx", 2**30), "`model.onnx` must be at most"),
        (promised("model.onnx", 200), "`model.onnx` must hold the architecture's 320 weights"),
    ],
)
def test_a_hostile_slim_directory_is_refused(slim_path: Path, refusal: Refusal, change: Change, said: str) -> None:
    read_bundle(slim_path)
    change(slim_path)
    assert said in refusal(slim_path)
    assert said in refusal(slim_path, defer_weights=True)


def test_a_model_is_found_by_path_or_by_the_name_of_a_sample(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_model(path) == find_model(str(path)) == path
    assert find_model("austen") == sample_model_path("austen")
    monkeypatch.chdir(path.parent)
    path.rename("austen")
    assert find_model("austen") == sample_model_path("austen")
    assert find_model("./austen") == find_model(Path("austen")) == Path("austen")


def test_a_model_that_is_not_there_is_told_with_the_nearest_name(path: Path) -> None:
    with pytest.raises(BundleError, match="`austin` must be the directory of a run or a model, but there is no such"):
        find_model("austin")
    with pytest.raises(BundleError, match="did you mean `austen`"):
        find_model("austin")
    with pytest.raises(BundleError, match=f"did you mean `{path}`"):
        find_model(str(path.with_name("tinny")))
    with pytest.raises(BundleError, match="no such directory; sample models: austen"):
        find_model("quite another")
    with pytest.raises(BundleError, match="must be the directory of a run or a model, but"):
        find_model("nul\0")


def test_only_a_run_or_a_model_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(BundleError, match="no such directory; sample models: austen"):
        find_model(tmp_path / "note")
    (tmp_path / "notes" / "config.toml").write_text("", encoding="utf-8")
    with pytest.raises(BundleError, match=f"did you mean `{tmp_path / 'notes'}`"):
        find_model(tmp_path / "note")
    with pytest.raises(BundleError, match="no such directory; sample models: austen"):
        find_model("/nope")


def test_a_file_in_place_of_a_model_is_answered_with_its_use(path: Path, tmp_path: Path) -> None:
    text, arpa = tmp_path / "my text.txt", tmp_path / "my.arpa.gz"
    text.write_text("the cat sat\n", encoding="utf-8")
    rule = "must be the directory of a run or a model, but is a file"
    with pytest.raises(BundleError, match=f"{rule}; to train a model on a text, run `nextword train '{text}'`"):
        find_model(text)
    for content in (
        b"a comment\n\\data\\\nngram 1=3\n",
        b"\xef\xbb\xbf\\data\\\nngram 1=3\n",  # with a byte-order mark
    ):
        arpa.write_bytes(gzip.compress(content))
        with pytest.raises(BundleError, match=f"{rule}; an ARPA file holds no network; KenLM and decoders read it"):
            find_model(arpa)
    with pytest.raises(BundleError, match=f"{rule}; did you mean `{path}`"):
        find_model(path / WEIGHTS)
