from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.engine import stream as sentence_batches
from nextword.engine.text_model import LoadedModel
from nextword.errors import SettingError, StorageError, TextError
from nextword.inference.scoring import vectors as vectors_module
from nextword.inference.scoring.vectors import Pooling, Vectors, WordVectors, sentence_vectors, write_vectors
from nextword.text.options import TokenizerKind
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.small_model import small_model

KINDS: list[TokenizerKind] = ["pretokenized", "word", "character"]

lines_of_text = st.lists(
    st.lists(st.sampled_from(["the", "cat,", "dog", "sat", "."]), max_size=9).map(" ".join), min_size=1, max_size=12
)

TOKENS = ("<unk>", "<eos>", "east", "north", "east north", "west", ", ", "nowhere")
VECTORS = np.array([[9, 9], [9, 8], [1, 0], [0, 5], [3, 3], [-2, 0], [4, -3], [0, 0]], np.float32)


def by_line(model: LoadedModel, line: str, pooling: Pooling) -> Vectors:
    """Reference: each line read alone, with its vector by definition."""
    inputs = np.array([[model.engine.end_id, *model.tokenizer.encode(line)]], np.int32)
    prediction, _ = model.engine.predict_window(inputs, model.engine.start(1))
    assert prediction.hidden is not None
    hidden = prediction.hidden[0]
    counted = hidden[-1:] if pooling == "last" or len(hidden) == 1 else hidden[1:]
    mean: Vectors = counted.mean(axis=0)
    return mean


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["mean", "last"])
@settings(max_examples=25)
@given(lines=lines_of_text, read_ahead=st.integers(1, 8), most_tokens=st.integers(1, 60), few_shapes=st.booleans())
def test_vectors_match_lines_read_one_by_one(
    kind: TokenizerKind, pooling: Pooling, lines: list[str], read_ahead: int, most_tokens: int, few_shapes: bool
) -> None:
    model = small_model(kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors_module, "_READ_AHEAD", read_ahead)
        patch.setattr(sentence_batches, "_MAX_TOKENS", most_tokens)
        patch.setattr(model.engine, "compiles_each_shape", few_shapes)
        parts = sentence_vectors(model, lines, pooling=pooling)
        vectors = np.concatenate(list(parts))
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [by_line(model, line, pooling) for line in lines], atol=1e-5)


def test_at_most_read_ahead_lines_are_in_memory(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors_module, "_READ_AHEAD", 5)
    num_read = 0

    def endless() -> Iterator[str]:
        nonlocal num_read
        while True:
            num_read += 1
            yield "the cat"

    parts = sentence_vectors(model, endless())
    for count in range(1, 20):
        assert next(parts).shape == (5, 4)
        assert num_read == 5 * count


def test_an_engine_without_hidden_states_is_refused(model: LoadedModel) -> None:
    original = model.engine.predict_window
    vars(model.engine)["predict_window"] = lambda inputs, state: (
        original(inputs, state)[0]._replace(hidden=None),
        state,
    )
    with pytest.raises(SettingError, match="needs an engine with hidden states, but this one has none"):
        list(sentence_vectors(model, ["the"]))


@pytest.fixture
def compass() -> WordVectors:
    return WordVectors(Tokenizer("pretokenized", "line", Vocabulary(TOKENS)), VECTORS)


def test_the_nearest_words_have_the_highest_cosine(compass: WordVectors) -> None:
    near = compass.nearest("east", 10)
    assert [(word.word, round(word.cosine, 4)) for word in near] == [
        (",", 0.8),
        ("east north", 0.7071),
        ("north", 0.0),
        ("nowhere", 0.0),
        ("west", -1.0),
    ]
    assert compass.nearest("east", 2) == near[:2]
    assert compass.nearest("nowhere", 1)[0].cosine == 0


def test_punctuation_is_found_without_its_spaces(compass: WordVectors) -> None:
    assert compass.nearest(",", 1)[0].word == "east"


def test_an_unknown_word_is_refused_with_a_suggestion(compass: WordVectors) -> None:
    with pytest.raises(TextError, match="must be in the vocabulary, but 'nort' is not; did you mean `north`"):
        compass.nearest("nort")
    with pytest.raises(TextError, match=r"but '\\x1b' is not; try another"):
        compass.nearest("\x1b")
    with pytest.raises(SettingError, match="`k` must be at least 1, but is 0"):
        compass.nearest("east", 0)


def test_words_are_saved_with_their_vectors(compass: WordVectors, tmp_path: Path) -> None:
    path = tmp_path / "words.npz"
    compass.save(path)
    with np.load(path, allow_pickle=False) as saved:
        assert tuple(saved["words"].tolist()) == TOKENS
        np.testing.assert_array_equal(saved["vectors"], VECTORS)


def test_the_vectors_of_a_model_are_its_embeddings() -> None:
    bundle = small_model("word").bundle
    vectors = WordVectors.of(bundle)
    assert vectors.tokenizer is bundle.tokenizer
    np.testing.assert_array_equal(vectors.vectors, bundle.weights["embedding/embeddings"])


def parts(*sizes: int) -> list[NDArray[np.float32]]:
    random = np.random.default_rng(0)
    return [random.normal(size=(size, 3)).astype(np.float32) for size in sizes]


@pytest.mark.parametrize("sizes", [(1,), (4, 1, 7), (0, 2), (999, 999)])
def test_parts_are_read_back_as_one_array(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    path = tmp_path / "vectors.npy"
    assert write_vectors(path, parts(*sizes)) == (sum(sizes), 3)
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), np.concatenate(parts(*sizes)))
    assert np.load(path, mmap_mode="r").shape == (sum(sizes), 3)


def test_parts_are_written_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npy"
    sizes = []

    def watched() -> Iterator[NDArray[np.float32]]:
        for part in parts(*[20_000] * 4):
            yield part
            (partial,) = tmp_path.iterdir()
            sizes.append(partial.stat().st_size)

    write_vectors(path, watched())
    assert sizes == sorted(sizes)
    assert sizes[1] >= 20_000 * 3 * 4


def test_an_error_leaves_no_partial_file_and_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npy"
    write_vectors(path, parts(2))
    before = path.read_bytes()

    def failing() -> Iterator[NDArray[np.float32]]:
        yield parts(1)[0]
        raise TextError("refused")

    with pytest.raises(TextError, match="refused"):
        write_vectors(path, failing())
    with pytest.raises(TextError, match="must have at least one line"):
        write_vectors(path, [])
    assert [entry.name for entry in tmp_path.iterdir()] == ["vectors.npy"]
    assert path.read_bytes() == before


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "vectors.npy.partial").write_bytes(b"mine")
    write_vectors(tmp_path / "vectors.npy", parts(2))
    assert (tmp_path / "vectors.npy.partial").read_bytes() == b"mine"


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/vectors\.npy` could not be written"):
        write_vectors(tmp_path / "nowhere" / "vectors.npy", parts(1))


def test_it_is_shown_in_one_line(compass: WordVectors) -> None:
    assert repr(compass) == f"WordVectors({len(TOKENS)} words, {VECTORS.shape[1]} wide)"
