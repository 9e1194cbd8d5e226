"""A trained model as Python programs use it: an object with methods."""

import dataclasses
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, Unpack

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.bundle import Bundle
from nextword.bundle.origin import find_model, run_of
from nextword.bundle.store import write_bundle
from nextword.display.page.html_file import write_html
from nextword.display.page.page_facts import PageFacts, curve_of
from nextword.display.table import html_table
from nextword.engine.dynamic import DynamicOptions
from nextword.engine.opening import EngineName, open_model
from nextword.engine.text_model import LoadedModel, UsedMethod
from nextword.errors import CheckpointError, EvaluationWarning, SettingError, TrainingWarning
from nextword.inference.evaluation.comparison import ComparedWord, ComparedWords, compare
from nextword.inference.evaluation.copying import Copying, measure_copying
from nextword.inference.evaluation.keystrokes import KeystrokeEvaluation, evaluate_keystrokes
from nextword.inference.evaluation.perplexity import Evaluation
from nextword.inference.evaluation.text_evaluation import (
    EvaluatedMethod,
    Text,
    evaluate_text,
    ids_of,
    opened,
    require_no_path,
    store_of,
    unknown_id_of,
)
from nextword.inference.generation.generated_text import GeneratedText
from nextword.inference.generation.generator import GenerationArguments, Request, generate_texts, stream_text
from nextword.inference.scoring.line_score import LineScore, ShownLine
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.inference.scoring.nearest_words import NearWord, nearest_words
from nextword.inference.suggestion.session import SuggestionSession
from nextword.inference.suggestion.session import complete as complete_word
from nextword.inference.suggestion.suggestion import SessionOptions, Suggestions, suggest
from nextword.inference.suggestion.user_words import UserWords
from nextword.settings import require_path, require_several, require_text
from nextword.text.corpus import Corpus
from nextword.text.reading.lines import split_lines
from nextword.text.tokens.encoded_lines import written_tokens
from nextword.training.progress import RoundRecord
from nextword.training.report.history import TrainingHistory


@dataclass(frozen=True, eq=False, repr=False)
class TrainedModel(LoadedModel):
    """A trained language model.

    `nextword.train` and `nextword.load` return one.

    Attributes:
        history: What each round of its training measured; `None` if that is not known, as for `austen`.
        run: The directory of its run, if it is there.

    Example:
        >>> import nextword
        >>> model = nextword.load("austen")
        >>> [suggestion.text for suggestion in model.suggest("I am very much", k=2)]
        ['obliged', 'pleased']
    """

    history: TrainingHistory | None = None
    run: Path | None = None

    @classmethod
    def of(cls, model: LoadedModel, history: TrainingHistory | None = None, run: Path | None = None) -> Self:
        """Return a loaded model with the methods of this class."""
        return cls(model.engine, model.bundle, model.runtime, model.precision, history, run)

    def _repr_html_(self) -> str:
        architecture = self.bundle.architecture
        facts = {
            "network": architecture.summary,
            "parameters": f"{architecture.num_parameters:,}",
            "vocabulary": self.tokenizer.summary,
            "runs on": self.run_by,
        }
        if self.use:
            facts["method"] = self.use
        if self.history:
            best = self.history.best
            facts["valid perplexity"] = f"{best.valid_perplexity:,.2f} after {best.epoch:.2f} epochs"
        return html_table((), list(facts.items()), title=self.name, left=2)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """All tokens by their ids, the most frequent first.

        Example:
            >>> import nextword
            >>> "obliged" in nextword.load("austen").vocabulary
            True
        """
        return self.tokenizer.vocabulary.tokens

    @property
    def card(self) -> str:
        """The model card, in Markdown: what the model is, how it was trained, and its figures."""
        return self.bundle.card

    def suggest(self, text: str = "", k: int = 5, *, complete: bool = False, restore_case: bool = True) -> Suggestions:
        """Return the `k` most probable next words, the most probable first.

        Args:
            text: The text so far, its last word complete; empty for the beginning of a text.
            k: How many to return.
            complete: Whether to complete the last word instead, as the method `complete` does.
            restore_case: Whether a word that begins a sentence gets a capital if the vocabulary has none.

        Raises:
            SettingError: `k` is below 1.
            TextError: The tokenizer refuses the text.

        Example:
            >>> import nextword
            >>> nextword.load("austen").suggest("I beg your", k=1)[0].text
            'pardon'
        """
        if complete:
            return complete_word(self, text, k, options=SessionOptions(restore_case=restore_case))
        return suggest(self, text, k, restore_case=restore_case)

    def complete(self, text: str, k: int = 5, *, user_words: UserWords | None = None) -> Suggestions:
        """Return the `k` most probable words for the one that `text` ends with; after a space, the next word.

        Args:
            text: The text so far.
            k: How many to return.
            user_words: Words outside the vocabulary that this person uses.

        Raises:
            SettingError: `k` is below 1.
            TextError: The tokenizer refuses the text.

        Example:
            >>> import nextword
            >>> nextword.load("austen").complete("I am very much oblig", k=1)[0].text
            'obliged'
        """
        return complete_word(self, text, k, user_words=user_words)

    def session(
        self, *, user_words: UserWords | None = None, options: SessionOptions | None = None
    ) -> SuggestionSession:
        """Return a text to be typed, with suggestions after every key.

        Args:
            user_words: Words outside the vocabulary that this person uses.
            options: How suggestions are made.

        Example:
            >>> import nextword
            >>> session = nextword.load("austen").session()
            >>> session.type("I am very much ob")
            >>> session.accept(session.suggestions(k=1)[0])
            >>> session.text
            'I am very much obliged '
        """
        return SuggestionSession(self, user_words=user_words, options=options or SessionOptions())

    def generate(self, prompt: str = "", **arguments: Unpack[GenerationArguments]) -> str:
        """Return the prompt and the text that the model writes after it.

        Args:
            prompt: The text to continue; empty for the beginning of a text.
            **arguments: How to write it, by name:

                - `max_tokens`: most tokens to write (default: 100).
                - `temperature`: divides the log-probabilities: below 1 sharper, above 1 flatter; 0 takes the most
                  probable token each time (default: 0.8). 1 with `top_p=1` samples from the model's own distribution.
                - `top_k`: sample from the `top_k` most probable tokens only.
                - `top_p`: sample from the fewest most probable tokens that together reach it (default: 0.95).
                - `min_p`: sample from tokens that are at least `min_p` times as probable as the most probable one.
                - `repetition_penalty`: raises the probability of tokens used recently to this power.
                - `stop`: strings before which the text ends.
                - `forbid`: words and phrases that the text does not hold.
                - `stop_at_end`: whether to end with the line or paragraph.
                - `seed`: seed of the draws; without one, each call differs.

        Raises:
            SettingError: A value leaves its range.
            TextError: The tokenizer refuses the prompt.

        Example:
            >>> import nextword
            >>> model = nextword.load("austen")
            >>> text = model.generate("She was", max_tokens=20, seed=1)
            >>> text == model.generate("She was", max_tokens=20, seed=1)
            True
        """
        return prompt + "".join(self.stream(prompt, **arguments))

    def stream(self, prompt: str = "", **arguments: Unpack[GenerationArguments]) -> Iterator[str]:
        """Yield the text after a prompt as it is written; `generate` has the same arguments.

        Example:
            >>> import nextword
            >>> pieces = list(nextword.load("austen").stream("She was", max_tokens=5, seed=1))
            >>> len(pieces) > 1
            True
        """
        return stream_text(self, prompt, Request.of(**arguments))

    def generate_many(
        self,
        prompts: Sequence[str],
        request: Request | None = None,
        **arguments: Unpack[GenerationArguments],
    ) -> list[GeneratedText]:
        """Return a text for each prompt with its log-probability, all written in one batch.

        The arguments are those of `generate`. A `request` in their place can ask for more: a beam search, required
        words.

        Raises:
            SettingError: `prompts` is one string, there are a request and arguments, or the request cannot be met.
            TextError: The tokenizer refuses a prompt.

        Example:
            >>> import nextword
            >>> found = nextword.load("austen").generate_many(["She was", "He had"], max_tokens=4, seed=1)
            >>> [text.prompt for text in found]
            ['She was', 'He had']
        """
        if request is not None and arguments:
            raise SettingError("`request` must stand alone, but other arguments were given too; put them into it")
        return generate_texts(self, prompts, request or Request.of(**arguments))

    def score(self, line: str, *, bos: bool = True, eos: bool = True, spell: bool = True) -> ShownLine:
        """Return the log-probability of a line.

        Args:
            line: One line of text.
            bos: Whether the line begins a text; else nothing is known before it.
            eos: Whether its end counts as a token.
            spell: Whether an unknown word is charged for its spelling too; else each costs as much as `<unk>`.

        Raises:
            TextError: The tokenizer refuses the line.

        Example:
            >>> import nextword
            >>> model = nextword.load("austen")
            >>> likely, unlikely = (model.score(line).log10_prob for line in ("She was very happy.", "Happy very was."))
            >>> likely > unlikely
            True
        """
        require_text("line", line, "use `score_lines` for several lines")
        (scored,) = self.score_lines([line], bos=bos, eos=eos, spell=spell)
        return ShownLine.of(scored, self.tokenizer)

    def score_lines(
        self,
        lines: Iterable[str],
        *,
        bos: bool = True,
        eos: bool = True,
        carry: bool = False,
        spell: bool = True,
        read_ahead: int = 4096,
    ) -> Iterator[LineScore]:
        """Yield the score of each line, in order and in bounded memory.

        Args:
            lines: The lines, read once.
            bos: Whether each line begins a text; else nothing is known before it.
            eos: Whether the end of a line counts as a token.
            carry: Whether to read the lines as one text, each after those before it.
            spell: Whether an unknown word is charged for its spelling too.
            read_ahead: Lines to read ahead, so that lines of similar length form a batch.

        Raises:
            TextError: The tokenizer refuses a line.

        Example:
            >>> import nextword
            >>> lines = ["She was very happy.", "Happy very was."]
            >>> [score.num_tokens for score in nextword.load("austen").score_lines(lines)]
            [6, 5]
        """
        options = ScoringOptions(bos=bos, eos=eos, carry=carry, spell=spell, read_ahead=read_ahead)
        return score_lines(self, lines, options)

    def perplexity(self, text: Text, *, spell: bool = True) -> float:
        r"""Return the perplexity of a text: $\exp\bigl(-\frac{1}{N} \sum_i \ln p(w_i \mid w_1 \dots w_{i-1})\bigr)$.

        Args:
            text: A text as a string, a file as a `Path`, or a split of a corpus, such as `corpus.test`.
            spell: Whether unknown words are charged for their spelling, as in `score`. If not, each costs as much as
                `<unk>`, as in `evaluate` and in the literature.

        Raises:
            EvaluationError: There are no tokens, or the split was encoded by another tokenizer.
            TextError: The tokenizer refuses the text.

        Example:
            >>> import nextword
            >>> round(nextword.load("austen").perplexity("She was very much obliged to him."))
            9
        """
        found = evaluate_text(self, text, run=self.run)
        return found.spelled_perplexity if spell else found.perplexity

    def evaluate(
        self,
        text: Text,
        *,
        method: EvaluatedMethod | DynamicOptions | None = None,
        corpus: Corpus | None = None,
        batch_size: int = 1,
    ) -> Evaluation:
        """Return perplexity, accuracy and more on a text. The weights stay as they are.

        The protocol of the result says which of the two it is about: the model as used, or its network alone. An
        `EvaluationWarning` is issued if more than 5 % of the words are unknown, because the perplexity misleads then.

        Args:
            text: A text as a string, a file as a `Path`, or a split of a corpus, such as `corpus.test`. Of the text
                of its run, a model reads the test split only. Every token is predicted once, the `<eos>` at the end of
                the text included.
            method: `"static"` is the network alone, `"mixture"` mixes it with what its bundle holds, and `"dynamic"`
                lets its weights follow the text; `DynamicOptions` are its settings. By default, the model is evaluated
                as it is used.
            corpus: The corpus whose train split `"dynamic"` reads.
            batch_size: Rows to read side by side. 1 is exact; more is faster on long texts.

        Raises:
            EvaluationError: There are no tokens.
            SettingError: The method is unknown, or lacks the corpus.
            TextError: The tokenizer refuses the text.

        Example:
            >>> import nextword
            >>> model, text = nextword.load("austen"), "She was very much obliged. " * 20
            >>> model.evaluate(text).perplexity < model.evaluate(text, method="static").perplexity
            True
        """
        found = evaluate_text(self, text, method=method, corpus=corpus, batch_size=batch_size, run=self.run)
        if found.warning:
            warnings.warn(found.warning, EvaluationWarning, stacklevel=2)
        return found

    def keystrokes(
        self,
        text: str,
        *,
        user_words: UserWords | None = None,
        options: SessionOptions | None = None,
        max_tokens: int | None = None,
    ) -> KeystrokeEvaluation:
        """Return the keystrokes that suggestions save someone who types a text, with and without learned words.

        Args:
            text: The text. Each character is a key; one key takes a suggestion with the space after it.
            user_words: Words learned from earlier texts.
            options: How suggestions are made. By default, they begin sentences with a capital if the text has any.
            max_tokens: Stop after this number of words and marks, line ends included.

        Raises:
            EvaluationError: There are no words.
            SettingError: Tokens of the model are characters or subwords, or `max_tokens` is below 1.
            TextError: The tokenizer refuses the text.

        Example:
            >>> import nextword
            >>> found = nextword.load("austen").keystrokes("She was very much obliged to him.")
            >>> 0.4 < found.plain.savings(3) < 0.8
            True
        """
        require_text("text", text)
        require_no_path(text)
        lines = split_lines(text)
        return evaluate_keystrokes(
            self, lines if lines[-1] else lines[:-1], user_words=user_words, options=options, max_tokens=max_tokens
        )

    def copying(self, corpus: Corpus, *, secrets: Sequence[str] = (), max_tokens: int = 10_000) -> Copying:
        """Return what generated text copies from the text that the model was trained on.

        Args:
            corpus: Its text, encoded by its tokenizer. The train split is searched for passages of generated text, and
                for passages of the test split, the fair yardstick.
            secrets: Lines with a secret each, which are ranked among others of the same shape: the digits of a line
                are secret, or what is in brackets, as in `"my word is [abc]"`.
            max_tokens: Number of tokens to generate.

        Raises:
            EvaluationError: A text is too short, or another tokenizer made its ids.
            SettingError: `max_tokens` is below 1, or a line has no secret.

        Example:
            >>> import nextword
            >>> model = nextword.load("austen")
            >>> corpus = nextword.Corpus.load("austen", tokenizer=model.tokenizer)
            >>> model.copying(corpus, max_tokens=500).generated.share < 0.1
            True
        """
        require_several("secrets", secrets)
        train, held_out = (store_of(split, self.tokenizer).ids for split in (corpus.train, corpus.test))
        return measure_copying(self, train, held_out, secrets=secrets, max_tokens=max_tokens)

    def compare(self, text: Text, *, skip: int = 0, max_tokens: int = 10, top: int = 5) -> ComparedWords:
        """Return actual words beside the ones that the model predicted.

        Args:
            text: A text as a string, whose unknown words are spelled; a file as a `Path`, of the text of the model's
                run only the test split; or a split of a corpus, such as `corpus.test`.
            skip: Tokens to skip.
            max_tokens: How many tokens to return.
            top: How many predictions to return for each.

        Raises:
            EvaluationError: The text is too short.
            TextError: The tokenizer refuses the text.

        Example:
            >>> import nextword
            >>> found = nextword.load("austen").compare("I am very much obliged to you.", skip=4, max_tokens=1)[0]
            >>> found.actual, found.predicted, found.rank
            ('obliged', 'obliged', 1)
        """
        read, _ = opened(text, self.tokenizer, self.run)
        ids, unknown_id = ids_of(read, self.tokenizer), unknown_id_of(read, self.tokenizer)
        count = min(max_tokens, max(1, len(ids) - skip))
        tokens = compare(self.engine, ids, skip=skip, max_tokens=count, num_top=top, unknown_id=unknown_id)
        if not isinstance(text, str):
            return ComparedWords(ComparedWord.of(token, self.tokenizer) for token in tokens)
        pieces = [piece for piece, _ in written_tokens(self.tokenizer, split_lines(text))]
        return ComparedWords(ComparedWord.of(token, self.tokenizer, pieces[token.position]) for token in tokens)

    def nearest_words(self, word: str, k: int = 10) -> list[NearWord]:
        """Return the `k` words whose embeddings have the highest cosine similarity to a word's own.

        Raises:
            SettingError: `k` is below 1.
            TextError: The word is not in the vocabulary.

        Example:
            >>> import nextword
            >>> [near.word for near in nextword.load("austen").nearest_words("letter", k=2)]
            ['note', 'message']
        """
        require_text("word", word)
        return nearest_words(self.bundle, word, k)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return all weights, named as in `Architecture.weight_shapes`.

        Weights that are stored in eight bits, such as the sample model's, are converted to float32.

        Raises:
            BundleError: The weights are refused.

        Example:
            >>> import nextword
            >>> weights = nextword.load("austen").weights()
            >>> weights["lstm_0/recurrent_kernel"].shape
            (416, 1664)
        """
        return self.bundle.floats(self.bundle.architecture.weight_shapes())

    def save(self, path: str | Path, *, replace: bool = False) -> None:
        """Write the model with its history as a bundle, which `nextword.load` reads; `using("static")` has no mixture.

        Args:
            path: The directory.
            replace: Whether to replace a bundle that exists.

        Raises:
            StorageError: `path` exists and `replace` is false, or the disk refused.

        Example:
            >>> import nextword
            >>> import tempfile
            >>> from pathlib import Path
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     nextword.load("austen").save(Path(folder, "copy"))
            ...     nextword.load(Path(folder, "copy")).name
            'austen'
        """
        require_path("path", path)
        history = self.bundle.history if self.history is None else tuple(map(asdict, self.history))
        write_bundle(Path(path), dataclasses.replace(self._used_bundle, history=history), replace=replace)

    def export_html(self, path: str | Path, *, passage: str | None = None) -> None:
        """Write a page with the model inside, which any browser opens without a server and without a network.

        The page holds the vocabulary, the model card, the weights in int8, and the n-grams of the mixture, if the model
        is used with one: `using("static")` leaves them out.

        Args:
            path: The HTML file. A page of nextword is replaced.
            passage: Held-out text to guess the words of. It can be read in the file.

        Raises:
            ExportError: The model cannot run in a page; the message has the reason.
            StorageError: Another file is at `path`, or the disk refused.

        Example:
            >>> import nextword
            >>> import tempfile
            >>> from pathlib import Path
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     nextword.load("austen").export_html(Path(folder, "austen.html"))
            ...     Path(folder, "austen.html").stat().st_size > 1_000_000
            True
        """
        require_path("path", path)
        bundle = self._used_bundle
        facts = PageFacts.of(bundle, curve=curve_of(map(asdict, self.history or ())))
        write_html(Path(path), bundle, passage=passage, facts=facts)

    @property
    def _used_bundle(self) -> Bundle:
        return self.bundle if self.method == "mixture" else self.bundle.without_mixture()


def load(
    path: str | Path, *, engine: EngineName = "auto", num_threads: int | None = None, method: UsedMethod = "mixture"
) -> TrainedModel:
    """Load a model.

    Args:
        path: A run directory, a bundle, or `"austen"`, the sample model. A folder of that name is `"./austen"`.
        engine: `onnx`, `keras`, or `auto`: onnxruntime if it is installed and the model was exported, else Keras.
        num_threads: Threads of onnxruntime for one call; Keras takes what its backend takes.
        method: "mixture" mixes the network with the n-grams and the cache that its bundle holds, if any; "static" uses
            the network alone.

    Raises:
        BundleError: There is no sound bundle, or the run has no model yet.
        MissingExtraError: Nothing that could run the model is installed.
        SettingError: `engine` or `method` is unknown.

    Example:
        >>> import nextword
        >>> nextword.load("austen").name
        'austen'
    """
    require_path("path", path)
    directory = find_model(path)
    run = run_of(directory)
    model = open_model(directory, engine, num_threads=num_threads, method=method)
    return TrainedModel.of(model, _history_of(run, model.bundle), run)


def _history_of(run: Path | None, bundle: Bundle) -> TrainingHistory | None:
    """Return the history of a run or of a bundle; a damaged log is no reason to refuse its model."""
    try:
        if run is not None:
            return TrainingHistory.of_run(run)
        rows: Any = bundle.history
        return TrainingHistory(tuple(RoundRecord(**row) for row in rows)) if rows else None
    except (CheckpointError, TypeError) as error:
        warnings.warn(f"the model has no history: {error}", TrainingWarning, stacklevel=3)
        return None
