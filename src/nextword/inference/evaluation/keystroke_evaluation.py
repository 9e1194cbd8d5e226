"""Measures the keystrokes that a model's suggestions save, with and without learned words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from nextword.display.table import html_table
from nextword.engine.text_model import TextModel
from nextword.errors import EvaluationError
from nextword.inference.evaluation.keystroke_tally import KeystrokeTally
from nextword.inference.evaluation.keystrokes import SLOTS, Keystrokes
from nextword.inference.suggestion.letter_case import is_lower_cased
from nextword.inference.suggestion.ranked_pieces import PieceRanker
from nextword.inference.suggestion.session_options import SessionOptions
from nextword.inference.suggestion.typed_pieces import typed_pieces
from nextword.inference.suggestion.user_words import UserWords
from nextword.settings import require_at_least


@dataclass(frozen=True)
class KeystrokeEvaluation:
    """The keystrokes that a model saves on a text.

    Attributes:
        plain: Without learned words.
        learned: If each word outside the vocabulary is learned as soon as it was typed.

    Example:
        >>> import nextword
        >>> found = nextword.load("austen").keystrokes("She was very much obliged to Mr. Ifeoma and to Mr. Ifeoma.")
        >>> found.learned.savings(3) > found.plain.savings(3)
        True
    """

    plain: Keystrokes
    learned: Keystrokes

    def _repr_html_(self) -> str:
        learned = self.learned.figures()
        rows = [(name.strip(), figure, learned[name]) for name, figure in self.plain.figures().items()]
        return html_table(("", "without learned words", "with learned words"), rows)


def evaluate_keystrokes(
    model: TextModel,
    lines: Sequence[str],
    *,
    user_words: UserWords | None = None,
    options: SessionOptions | None = None,
    max_tokens: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> KeystrokeEvaluation:
    """Measure how many keys suggestions save someone who types a text.

    `nextword.inference.evaluation.keystrokes` has the rules. The lines are one text.

    Args:
        model: Engine and a tokenizer whose tokens are words.
        lines: The lines of the text.
        user_words: Words learned from earlier texts, for `learned` only.
        options: Options of the session. By default, suggestions begin sentences with a capital if the text has any.
        max_tokens: Stop after this number of words and marks, line ends included.
        on_progress: Called after each of them, with the number so far and the total.

    Raises:
        EvaluationError: There are no words.
        SettingError: Tokens of the model are parts of words, or `max_tokens` is below 1.
        TextError: The tokenizer refuses the text.
    """
    if max_tokens is not None:
        require_at_least("max_tokens", max_tokens, 1)
    options = options or SessionOptions(
        restore_case=not is_lower_cased(word for line in lines for word in line.split())
    )
    ranker = PieceRanker(model, max(SLOTS), user_words=user_words, options=options)
    pieces = list(islice(typed_pieces(model.tokenizer, lines), max_tokens))
    plain, learned = KeystrokeTally(), KeystrokeTally()
    for done, ranked in enumerate(ranker.ranked(pieces), 1):
        plain.add(ranked.piece, ranked.plain, is_known=ranked.is_known)
        learned.add(ranked.piece, ranked.learned, is_known=ranked.is_known)
        if on_progress is not None:
            on_progress(done, len(pieces))
    if not plain.num_words:
        raise EvaluationError("keystrokes need a text with at least one word, but it has none; give more text")
    return KeystrokeEvaluation(plain.result(), learned.result())
