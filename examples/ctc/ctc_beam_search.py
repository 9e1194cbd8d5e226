r"""Prefix beam search over the output of a CTC network, with a language model at the ends of words.

A network gives for each of $T$ frames the log-probabilities of $C$ labels, one of which is the blank. An alignment is
one label a frame; runs of a label count once, blanks not at all, and what is left is a text, in which one space is as
good as several. With $\mathcal{A}(y)$ the alignments of a text $y$, $w_1 \dots w_n$ its words and $x$ the sound, its
score is

$$\text{score}(y) = \ln \sum_{a \in \mathcal{A}(y)} \prod_t p_t(a_t \mid x) + \alpha \ln p(w_1 \dots w_n) + \beta n.$$

A word that the model does not know is read as `<unk>`, which stands for all of them and is more probable than any one;
so each of its characters adds a constant to its log-probability, as if it were spelled out by chance. The search
charges these as soon as no known word begins like the one that is heard: else it would pay to put off a word's end.

Of each text the search keeps two sums, of the alignments that end in a blank and of those that do not: only after a
blank does a label that comes again count twice. A beam that holds all texts finds the best one exactly.

Source:
    Graves et al. (2006), "Connectionist temporal classification"; Hannun et al. (2014), "First-pass large vocabulary
    continuous speech recognition using bi-directional recurrent DNNs".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.inference.decoders.word_model import WordModel
from nextword.inference.scoring.word_context import WordContext
from nextword.settings import Settings, setting

BLANK = ""
"""The label that says nothing."""

_SPACE = " "

Floats = NDArray[np.float64]

_LOOKED_AT = 4
"""Candidates whose finished word is scored, as a multiple of the beam size."""


@dataclass(frozen=True, kw_only=True)
class CtcOptions(Settings):
    """How a beam search weighs sound and language, and how far it looks.

    Raises:
        SettingError: A value leaves its range.
    """

    group: ClassVar[str] = "ctc"

    alpha: float = setting(0.5, help="Weight of the model's log-probability.")
    beta: float = setting(1.0, help="What each word adds.")
    unknown_offset: float = setting(
        -3.0,
        help="What each character of a word that the model does not know adds to its log-probability.",
        at_most=0.0,
    )
    score_end: bool = setting(True, help="Whether the line ends with the sound.")
    beam_size: int = setting(32, help="Texts that are kept after each frame.", at_least=1)
    minimum_log_prob: float = setting(
        -12.0, help="A text is not continued by a character that a frame finds less probable than this.", at_most=0.0
    )


DEFAULT_OPTIONS = CtcOptions()
"""Half of the model's log-probability, and one nat a word."""


class CtcHypothesis(NamedTuple):
    """A possible text.

    Attributes:
        text: Its words, a space between them.
        score: The score by which it was chosen.
        acoustic_log_prob: Natural logarithm of the probability of all its alignments that were followed.
    """

    text: str
    score: float
    acoustic_log_prob: float


def ctc_beam_search(
    log_probs: NDArray[np.floating],
    alphabet: Sequence[str],
    model: WordModel | None = None,
    options: CtcOptions = DEFAULT_OPTIONS,
) -> list[CtcHypothesis]:
    """Return the possible texts, the best first.

    Args:
        log_probs: Natural logarithm of each label's probability in each frame `(T, C)`.
        alphabet: The labels: characters, one of them a space, and the blank, `""`.
        model: The language model; without it, only the sound decides.
        options: Weights and width.

    Raises:
        SettingError: The alphabet has no blank, or does not have a label for each column.
    """
    if list(alphabet).count(BLANK) != 1 or len(set(alphabet)) < len(alphabet):
        raise SettingError(f'`alphabet` must have labels that differ and one blank, "", but is {list(alphabet)}')
    if log_probs.ndim != 2 or log_probs.shape[1] != len(alphabet):
        raise SettingError(
            f"`log_probs` must have the shape (T, {len(alphabet)}), a column for each label, but has {log_probs.shape}"
        )
    tree = _TextTree(alphabet, model, options)
    beam = _Beam([tree.root], np.zeros(1), np.full(1, -np.inf))
    for frame in log_probs.astype(np.float64):
        beam = _advanced(beam, frame, tree, options)
    return _hypotheses(beam, tree)


@dataclass(eq=False, slots=True)
class _TextNode:
    """A text: the one before it, and a label more. Spaces at its beginning, and spaces after a space, are none.

    Attributes:
        parent: The text without its last label; `None` for the empty text.
        label: The last label; for the empty text the space, as if one stood before it, or -1 if there is none.
        character: The character of that label.
        word: The beginning of a word that is not finished.
        score: Weighted score of the finished words.
        expected: What the unfinished word will cost at least, if no known word begins so; 0 where one does.
        context: What the model has read, the finished words; `None` without a model.
        children: The known texts with one more label.
    """

    parent: "_TextNode | None"
    label: int
    character: str
    word: str
    score: float
    expected: float
    context: WordContext | None
    children: dict[int, "_TextNode"] = field(default_factory=dict)

    def text(self) -> str:
        """Return the words with a space between them."""
        characters: list[str] = []
        node: _TextNode | None = self
        while node is not None:
            characters.append(node.character)
            node = node.parent
        return "".join(reversed(characters)).rstrip(_SPACE)


class _TextTree:
    """Extends texts, and scores each word at its end.

    Args:
        alphabet: The labels, one of them the blank.
        model: The language model, if there is one.
        options: The weights.

    Attributes:
        root: The empty text.
        blank: The blank's label.
        space: The label that ends a word; -1 if there is none.
        most_for_a_word: What a word adds to the score if it is certain.
    """

    def __init__(self, alphabet: Sequence[str], model: WordModel | None, options: CtcOptions) -> None:
        self.blank = list(alphabet).index("")
        self.space = list(alphabet).index(_SPACE) if _SPACE in alphabet else -1
        self.root = _TextNode(None, self.space, "", "", 0.0, 0.0, None if model is None else model.start())
        self.most_for_a_word = max(0.0, options.beta)
        self._alphabet = alphabet
        self._model = model
        self._options = options

    def child(self, node: _TextNode, label: int) -> _TextNode:
        """Return the text with one more label; always the same object, and itself if the label adds nothing."""
        if label == self.space and not node.word:
            return node
        if label not in node.children:
            character = self._alphabet[label]
            if label == self.space:
                score, context = self._with_word(node)
                node.children[label] = _TextNode(node, label, character, "", score, 0.0, context)
            else:
                word = node.word + character
                expected = self._expected(word)
                node.children[label] = _TextNode(node, label, character, word, node.score, expected, node.context)
        return node.children[label]

    def final_score(self, node: _TextNode) -> float:
        """Return the weighted score of all words of a text, and of its end."""
        score, context = self._with_word(node)
        if self._model is None or context is None or not self._options.score_end:
            return score
        return score + self._options.alpha * self._model.score_end(context)

    def _expected(self, word: str) -> float:
        if self._model is None or self._model.begins_word(word):
            return 0.0
        return self._options.alpha * self._options.unknown_offset * len(word)

    def _with_word(self, node: _TextNode) -> tuple[float, WordContext | None]:
        if not node.word or self._model is None or node.context is None:
            return node.score, node.context
        log_prob, is_known, after = self._model.score(node.context, node.word)
        if not is_known:
            log_prob += self._options.unknown_offset * len(node.word)
        return node.score + self._options.alpha * log_prob + self._options.beta, after


class _Beam(NamedTuple):
    """The texts that are kept, `K` of them.

    Attributes:
        nodes: The texts.
        blank: Natural logarithm of the probability of each text's alignments that end in a blank `(K,)`.
        labelled: The same of those that end in its last label `(K,)`.
    """

    nodes: list[_TextNode]
    blank: Floats
    labelled: Floats

    @property
    def total(self) -> Floats:
        """Natural logarithm of the probability of all alignments of each text `(K,)`."""
        return np.logaddexp(self.blank, self.labelled)


def _advanced(beam: _Beam, frame: Floats, tree: _TextTree, options: CtcOptions) -> _Beam:
    """Return the best texts after one more frame `(C,)`."""
    total, last = beam.total, np.array([node.label for node in beam.nodes])
    blank = total + frame[tree.blank]
    labelled = np.where(last >= 0, beam.labelled + frame[last], -np.inf)
    longer = _longer(beam, total, last, frame, tree, options)
    places = {node: place for place, node in enumerate(beam.nodes)}
    for place, node in enumerate(beam.nodes):
        if node.label == tree.space:  # another space does not change it
            labelled[place] = np.logaddexp(labelled[place], longer[place, tree.space])
            longer[place, tree.space] = -np.inf
        parent = places.get(node.parent) if node.parent is not None else None
        if parent is not None:  # the text that it continues is kept too, and may become this one
            labelled[place] = np.logaddexp(labelled[place], longer[parent, node.label])
            longer[parent, node.label] = -np.inf
    return _best(beam, blank, labelled, longer, tree, options)


def _longer(
    beam: _Beam, total: Floats, last: NDArray[np.int64], frame: Floats, tree: _TextTree, options: CtcOptions
) -> Floats:
    """Return the log-probability of each text with each label more `(K, C)`."""
    longer = total[:, None] + frame
    rows = np.flatnonzero(last >= 0)
    longer[rows, last[rows]] = (beam.blank + frame[last])[rows]
    longer[:, tree.blank] = -np.inf
    longer[:, frame < options.minimum_log_prob] = -np.inf
    return longer


def _best(beam: _Beam, blank: Floats, labelled: Floats, longer: Floats, tree: _TextTree, options: CtcOptions) -> _Beam:
    num_kept, num_labels = longer.shape
    num_looked_at = _LOOKED_AT * options.beam_size
    language = np.array([node.score + node.expected for node in beam.nodes])
    scores = longer + language[:, None]
    stays = np.logaddexp(blank, labelled) + language
    if tree.space >= 0:
        _score_words(beam, scores, stays, longer, tree, num_looked_at)
    candidates = np.concatenate((stays, scores.ravel()))
    order = np.argsort(-candidates, kind="stable")[:num_looked_at]
    order = order[candidates[order] > -np.inf]
    grown = [divmod(int(place) - num_kept, num_labels) for place in order]
    nodes = [
        beam.nodes[place] if place < num_kept else tree.child(beam.nodes[parent], label)
        for place, (parent, label) in zip(order, grown, strict=True)
    ]
    blanks = np.concatenate((blank, np.full(longer.size, -np.inf)))[order]
    sums = np.concatenate((labelled, longer.ravel()))[order]
    totals = np.logaddexp(blanks, sums) + [node.score + node.expected for node in nodes]
    best = np.argsort(-totals, kind="stable")[: options.beam_size]
    return _Beam([nodes[place] for place in best], blanks[best], sums[best])


def _score_words(
    beam: _Beam, scores: Floats, stays: Floats, longer: Floats, tree: _TextTree, num_looked_at: int
) -> None:
    """Put the scores of texts whose word ends into `scores` `(K, C)`, of those that could be among the best."""
    reached = longer[:, tree.space]
    bounds = reached + [node.score + tree.most_for_a_word for node in beam.nodes]
    scores[:, tree.space] = -np.inf
    others = np.concatenate((stays, scores.ravel()))
    least = np.partition(others, -num_looked_at)[-num_looked_at] if len(others) > num_looked_at else -np.inf
    for place in np.flatnonzero((bounds > -np.inf) & (bounds >= least)):
        scores[place, tree.space] = reached[place] + tree.child(beam.nodes[place], tree.space).score


def _hypotheses(beam: _Beam, tree: _TextTree) -> list[CtcHypothesis]:
    """Return the texts of a beam, those that differ in a space at the end taken together, the best first."""
    acoustic: dict[str, float] = {}
    language: dict[str, float] = {}
    for node, total in zip(beam.nodes, beam.total.tolist(), strict=True):
        text = node.text()
        acoustic[text] = float(np.logaddexp(acoustic.get(text, -np.inf), total))
        language[text] = tree.final_score(node)
    found = [CtcHypothesis(text, acoustic[text] + language[text], acoustic[text]) for text in acoustic]
    return sorted(found, key=lambda hypothesis: -hypothesis.score)
