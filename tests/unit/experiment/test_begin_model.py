from pathlib import Path

import numpy as np
import pytest

from nextword.architecture import Architecture
from nextword.experiment.begin_model import begin_model, token_counts
from nextword.models.language_model import LanguageModel
from nextword.text.corpus import Corpus
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.options import TrainingOptions

INFORMED = TrainingOptions(start="informed")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("begin")
    path = folder / "story.txt"
    path.write_text("the cat sat on the mat and looked at the dog .\n\n" * 200, encoding="utf-8")
    return Corpus.load(path, cache_dir=folder / "cache")


def model_for(corpus: Corpus) -> LanguageModel:
    size = corpus.tokenizer.vocabulary_size
    return LanguageModel(Architecture(vocabulary_size=size, embedding_size=4, hidden_sizes=(4,)), seed=2)


def bias(model: LanguageModel) -> float:
    return float(np.abs(model.named_weights()["projection/bias"]).max())


def test_a_new_model_begins_as_the_options_say(corpus: Corpus, tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    drawn, informed = model_for(corpus), model_for(corpus)
    assert begin_model(drawn, corpus, TrainingOptions(), store) == 0.0
    assert begin_model(informed, corpus, INFORMED, store) > 0.0
    assert bias(drawn) == 0
    assert bias(informed) > 1


def test_a_model_that_has_learned_stays_as_it_is(corpus: Corpus, tmp_path: Path) -> None:
    model = model_for(corpus)
    model.embedding.embeddings.assign(model.embedding.embeddings + 1.0)
    assert begin_model(model, corpus, INFORMED, CheckpointStore(tmp_path)) == 0.0
    assert bias(model) == 0


def test_a_run_that_goes_on_is_not_begun_again(corpus: Corpus, tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, {"weight": np.zeros(1, np.float32)}, {})
    model = model_for(corpus)
    assert begin_model(model, corpus, INFORMED, store) == 0.0
    assert bias(model) == 0


def test_every_token_is_counted(corpus: Corpus) -> None:
    counts = token_counts(corpus)
    np.testing.assert_array_equal(counts, np.bincount(corpus.train.ids, minlength=corpus.tokenizer.vocabulary_size))
