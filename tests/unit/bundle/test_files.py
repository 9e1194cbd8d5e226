import pytest

from nextword.bundle import files
from nextword.errors import BundleError, SettingError
from nextword.model.architecture import Architecture

ARCHITECTURE = Architecture(vocabulary_size=10, embedding_size=2, hidden_sizes=(2,))
NUM_BYTES = 4 * ARCHITECTURE.num_parameters
SIZES = {"config.json": 300, "tokenizer.json": 300, "weights.safetensors": NUM_BYTES + 500, "README.md": 10}
SLIM = {"config.json": 300, "tokenizer.json": 300, "model.onnx": NUM_BYTES, "README.md": 10}


def test_the_files_of_a_bundle_are_taken_with_and_without_onnx() -> None:
    files.check_names(SIZES)
    files.check_names({**SIZES, "model.onnx": 1})
    files.check_sizes(SIZES, ARCHITECTURE)


def test_a_slim_bundle_holds_onnx_in_place_of_the_weights() -> None:
    files.check_names(SLIM)
    files.check_sizes(SLIM, ARCHITECTURE)
    with pytest.raises(BundleError, match=r"must hold `weights\.safetensors` or `model\.onnx`, but holds neither"):
        files.check_names({name: 0 for name in SLIM if name != "model.onnx"})
    for name in ("config.json", "tokenizer.json", "README.md"):
        with pytest.raises(BundleError, match=f"must hold `{name}`, but does not"):
            files.check_names({other: 0 for other in SLIM if other != name})


def test_onnx_too_short_for_the_architecture_is_refused_where_it_is_the_model() -> None:
    files.check_sizes({**SIZES, "model.onnx": 1}, ARCHITECTURE)
    files.check_sizes({**SLIM, "model.onnx": NUM_BYTES // 4}, ARCHITECTURE)
    with pytest.raises(BundleError, match=rf"`model\.onnx` must hold the architecture's {NUM_BYTES // 4} weights"):
        files.check_sizes({**SLIM, "model.onnx": NUM_BYTES // 4 - 1}, ARCHITECTURE)
    with pytest.raises(BundleError, match=r"`model\.onnx` must be at most"):
        files.check_sizes({**SLIM, "model.onnx": 2**20 + 2 * NUM_BYTES + 1}, ARCHITECTURE)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("README.md", 2**20),
        ("tokenizer.json", 2**16 + 10 * 1024),
        ("weights.safetensors", 8 + 2**16 + NUM_BYTES),
        ("mixture.json", 2**12 + 64 * 3),
        ("ngrams.bin", NUM_BYTES // 4),
    ],
)
def test_a_file_longer_than_the_architecture_can_need_is_refused(name: str, limit: int) -> None:
    files.check_sizes({**SIZES, name: limit}, ARCHITECTURE)
    with pytest.raises(BundleError, match=f"`{name}` must be at most {limit} bytes long, but is {limit + 1}"):
        files.check_sizes({**SIZES, name: limit + 1}, ARCHITECTURE)


def test_weights_too_short_for_the_architecture_are_refused() -> None:
    files.check_sizes({**SIZES, "weights.safetensors": 8 + NUM_BYTES}, ARCHITECTURE)
    with pytest.raises(BundleError, match=f"must hold the {NUM_BYTES} bytes"):
        files.check_sizes({**SIZES, "weights.safetensors": 7 + NUM_BYTES}, ARCHITECTURE)


def test_onnx_may_be_as_long_as_its_architecture_needs_and_no_longer() -> None:
    most = 2**20 + 2 * NUM_BYTES
    files.check_sizes({**SIZES, "model.onnx": most}, ARCHITECTURE)
    with pytest.raises(BundleError, match=rf"`model\.onnx` must be at most {most} bytes long, but is {most + 1}"):
        files.check_sizes({**SIZES, "model.onnx": most + 1}, ARCHITECTURE)


def test_a_model_that_no_bundle_can_hold_is_refused_before_it_is_trained() -> None:
    largest = ARCHITECTURE.replace(vocabulary_size=2**21, embedding_size=512)
    files.require_storable(largest.replace(vocabulary_size=2**20))
    with pytest.raises(SettingError, match=r"must take at most 4\.3 GB, but its 1,.* weights take 4\.[34]"):
        files.require_storable(largest)
