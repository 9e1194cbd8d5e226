"""Random requests for completions: the same for every server, from a seed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.inference.random_model import random_tokenizer
from harness.inference.settings import ModelSize
from harness.serving.settings import LoadSettings

SEED = 1
"""Seed of the weights, the vocabulary and the requests."""


@dataclass(frozen=True)
class Requests:
    """Requests of random prompts and lengths.

    Attributes:
        model: Name of the model.
        words: The words of the prompts.
        settings: Lengths and sampling.
        stream: Whether the answers are streams of events.
    """

    model: str
    words: Sequence[str]
    settings: LoadSettings
    stream: bool = False

    @classmethod
    def of(cls, model: str, size: ModelSize, settings: LoadSettings, *, stream: bool = False) -> "Requests":
        """Return the requests for a model of a size."""
        tokens = random_tokenizer(size.vocabulary_size, SEED).vocabulary.tokens
        return cls(model, [token for token in tokens if token.isalpha()], settings, stream)

    def bodies(self, client: int) -> Iterator[dict[str, Any]]:
        """Yield the bodies of the requests of a client, without an end."""
        settings, chance = self.settings, random.Random(SEED * 1_000_003 + client)  # noqa: S311  # no secret
        while True:
            body: dict[str, Any] = {
                "model": self.model,
                "prompt": " ".join(chance.choices(self.words, k=settings.prompt_words)),
                "max_tokens": chance.randint(settings.least_tokens, settings.most_tokens),
                "temperature": settings.temperature,
                "seed": chance.randrange(2**31),
            }
            if settings.top_p != 1:
                body["top_p"] = settings.top_p
            if self.stream:
                body |= {"stream": True, "stream_options": {"include_usage": True}}
            yield body
