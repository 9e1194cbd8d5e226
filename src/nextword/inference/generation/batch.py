"""Batched generation for many prompts, with the same texts as for single prompts."""

from collections.abc import Sequence
from dataclasses import replace

from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from nextword.inference.generation.beam import BeamSearch, Task
from nextword.inference.generation.ending import EndRule, stop_position
from nextword.inference.generation.generated_text import GeneratedText, Hypothesis
from nextword.inference.generation.generator import forbidden_words
from nextword.inference.generation.lockstep import lockstep
from nextword.inference.generation.pieces import after_prompt, text_pieces
from nextword.inference.generation.request import Request
from nextword.inference.generation.sampled_text import SampledText, random_generator
from nextword.inference.generation.words import RequiredWords
from nextword.settings import require_several, require_text

Writers = list[SampledText] | list[BeamSearch]


def generate_texts(model: TextModel, prompts: Sequence[str], request: Request | None = None) -> list[GeneratedText]:
    """Return a text for each prompt, in order, generated in one batch.

    A text depends only on its prompt and the request, which includes the seed. The same prompt twice with a seed gives
    the same text twice. The last bits of an engine's results may depend on the batch size, which may select another
    token if two have almost equal probabilities.

    Raises:
        SettingError: `prompts` is one string, a required word cannot be spelled or does not fit into the text or the
            beam, or all continuations are forbidden.
        TextError: The tokenizer rejects a prompt.
    """
    require_several("prompts", prompts)
    for prompt in prompts:
        require_text("prompt", prompt)
    generation = _Generation(model, request or Request())
    prompt_ids = [model.tokenizer.encode_prompt(prompt) for prompt in prompts]
    writers = [generation.writers(ids) for ids in prompt_ids]
    pairs = [(ids, writer) for ids, group in zip(prompt_ids, writers, strict=True) for writer in group]
    for _ in lockstep(model.engine, [ids for ids, _ in pairs], [writer for _, writer in pairs]):
        pass
    return [generation.text(*parts) for parts in zip(prompts, prompt_ids, writers, strict=True)]


class _Generation:
    """Creates the writers for each prompt, and the text from their results."""

    def __init__(self, model: TextModel, request: Request) -> None:
        tokenizer = self._tokenizer = model.tokenizer
        self._request = request
        end_id = model.engine.end_id if request.stop_at_end else None
        self._rule = EndRule(request.max_tokens, end_id, request.stop, tokenizer)
        self._forbidden = forbidden_words(tokenizer, request)
        self._required = RequiredWords.of(tokenizer, request.require)
        if self._required.num_tokens > request.max_tokens:
            raise SettingError(
                f"`max_tokens` must be at least {self._required.num_tokens}, as many as the required words have, but "
                f"is {request.max_tokens}"
            )
        self._end_id = model.engine.end_id

    def writers(self, prompt_ids: Sequence[int]) -> Writers:
        request, draws = self._request, self._request.draws
        if not request.uses_beam:
            return [
                SampledText(prompt_ids, draws, self._rule, self._forbidden, random_generator(draws, number))
                for number in range(request.search.best_of)
            ]
        size = request.search.group_size(self._required.num_tokens)
        read, exponent = (self._end_id, *prompt_ids), request.search.length_exponent
        task = Task(read, self._rule, self._forbidden, self._required, size, exponent)
        return [BeamSearch(task, num_groups=request.search.beam_groups, diversity=request.search.diversity)]

    def text(self, prompt: str, prompt_ids: Sequence[int], writers: Writers) -> GeneratedText:
        exponent = self._request.search.length_exponent
        texts = [text for writer in writers for text in writer.hypotheses()]
        found = sorted(texts, key=lambda text: -text.score(exponent))
        if not found:
            raise SettingError(f"a text must be possible after {prompt!r}, but all are forbidden; forbid fewer words")
        best, *others = (self._generated(prompt, prompt_ids, text) for text in found)
        return replace(best, others=tuple(others))

    def _generated(self, prompt: str, prompt_ids: Sequence[int], found: Hypothesis) -> GeneratedText:
        shown = found.ids[:-1] if found.ending == "end" else found.ids
        text = "".join(text_pieces(self._tokenizer, prompt_ids, shown))
        text = text[: stop_position(text, self._request.stop)]
        return GeneratedText(
            prompt=prompt,
            text="".join(after_prompt(self._tokenizer, prompt, [text])),
            ids=found.ids,
            log_prob=found.log_prob,
            score=found.score(self._request.search.length_exponent),
            ending=found.ending or "length",
            missing=self._required.missing(found.met),
        )
