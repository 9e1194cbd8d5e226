"""The texts that a beam search has met, each once, with what the language model says of their words."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nextword.decoding.ctc_options import CtcOptions
from nextword.decoding.word_model import WordModel
from nextword.scoring.word_context import WordContext

_SPACE = " "


@dataclass(eq=False, slots=True)
class TextNode:
    """A text: the one before it, and a label more. Spaces at its beginning, and spaces after a space, are none.

    Attributes:
        parent: The text without its last label; `None` for the empty text.
        label: The last label; for the empty text the space, as if one stood before it, or -1 if there is none.
        character: What that label says.
        word: What has been said of a word that is not finished.
        score: Weighted score of the finished words.
        expected: What the unfinished word will cost at least, if no known word begins so; 0 where one does.
        context: What the model has read, the finished words; `None` without a model.
        children: The texts with a label more that were met.
    """

    parent: "TextNode | None"
    label: int
    character: str
    word: str
    score: float
    expected: float
    context: WordContext | None
    children: dict[int, "TextNode"] = field(default_factory=dict)

    def text(self) -> str:
        """Return the words with a space between them."""
        characters: list[str] = []
        node: TextNode | None = self
        while node is not None:
            characters.append(node.character)
            node = node.parent
        return "".join(reversed(characters)).rstrip(_SPACE)


class TextTree:
    """Makes texts longer, and scores each word as it ends.

    Args:
        alphabet: The labels, one of them the blank.
        model: What knows the language, if anything does.
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
        self.root = TextNode(None, self.space, "", "", 0.0, 0.0, None if model is None else model.start())
        self.most_for_a_word = max(0.0, options.beta)
        self._alphabet = alphabet
        self._model = model
        self._options = options

    def child(self, node: TextNode, label: int) -> TextNode:
        """Return the text with a label more; always the same object, and itself where the label adds nothing."""
        if label == self.space and not node.word:
            return node
        if label not in node.children:
            character = self._alphabet[label]
            if label == self.space:
                score, context = self._with_word(node)
                node.children[label] = TextNode(node, label, character, "", score, 0.0, context)
            else:
                word = node.word + character
                expected = self._expected(word)
                node.children[label] = TextNode(node, label, character, word, node.score, expected, node.context)
        return node.children[label]

    def final_score(self, node: TextNode) -> float:
        """Return the weighted score of all words of a text, and of its end."""
        score, context = self._with_word(node)
        if self._model is None or context is None or not self._options.score_end:
            return score
        return score + self._options.alpha * self._model.score_end(context)

    def _expected(self, word: str) -> float:
        if self._model is None or self._model.begins_word(word):
            return 0.0
        return self._options.alpha * self._options.unknown_offset * len(word)

    def _with_word(self, node: TextNode) -> tuple[float, WordContext | None]:
        if not node.word or self._model is None or node.context is None:
            return node.score, node.context
        log_prob, is_known, after = self._model.score(node.context, node.word)
        if not is_known:
            log_prob += self._options.unknown_offset * len(node.word)
        return node.score + self._options.alpha * log_prob + self._options.beta, after
