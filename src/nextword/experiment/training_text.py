"""What a training reads of a text."""

from typing import Protocol

from nextword.text.token_store import TokenStore
from nextword.text.tokenizer import Tokenizer


class TrainingText(Protocol):
    """A text as a training sees it: a `Corpus`, or one whose test split nobody has opened."""

    @property
    def tokenizer(self) -> Tokenizer:
        """What made the ids."""

    @property
    def train(self) -> TokenStore:
        """The ids to learn from."""

    @property
    def valid(self) -> TokenStore:
        """The ids that decide."""
