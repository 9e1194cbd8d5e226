import pytest

from nextword.engine.text_model import LoadedModel
from support.small_model import small_model


@pytest.fixture
def model() -> LoadedModel:
    """A model of pretokenized text."""
    return small_model()
