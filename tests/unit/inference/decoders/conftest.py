import pytest

from nextword.text.tokens.tokenizer import Tokenizer
from support.decoder_models import VOCABULARIES, tokenizer_of


@pytest.fixture(params=list(VOCABULARIES))
def each_tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """One of each kind."""
    return tokenizer_of(request.param)
