import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.errors import SettingError, StorageError
from nextword.export.keras_file import require_free_keras_path, write_keras_file
from nextword.models.language_model import LanguageModel

IDS = np.array([[1, 2, 3], [4, 5, 6]], np.int32)

PROGRAM = """
import sys
import numpy as np
from nextword import LanguageModel
import keras

model = keras.saving.load_model(sys.argv[1])
assert type(model) is LanguageModel
np.save(sys.argv[2], model(np.array([[1, 2, 3], [4, 5, 6]], np.int32))[0])
"""


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> LanguageModel:
    model = LanguageModel(bundle.architecture)
    model.set_named_weights(bundle.weights)
    return model


def test_another_process_loads_the_model(model: LanguageModel, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    write_keras_file(path, model)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.keras"]
    program = [sys.executable, "-c", PROGRAM, str(path), str(tmp_path / "logits.npy")]
    subprocess.run(program, check=True, timeout=120)
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), np.asarray(model(IDS)[0]), atol=1e-6)


def test_nothing_is_written_over(model: LanguageModel, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"mine")
    with pytest.raises(SettingError, match="exists already; choose another name"):
        write_keras_file(tmp_path / "model.keras", model)
    assert (tmp_path / "model.keras").read_bytes() == b"mine"


def test_a_full_disk_leaves_nothing_behind(
    model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_disk(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model, "save", fill_the_disk)
    with pytest.raises(StorageError, match="No space left on device"):
        write_keras_file(tmp_path / "model.keras", model)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"), [("model.h5", "must end in `.keras`"), ("none/model.keras", "a folder that exists")]
)
def test_a_path_that_will_not_do_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        require_free_keras_path(tmp_path / name)
