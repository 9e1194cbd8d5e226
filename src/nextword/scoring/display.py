"""The tokens of a line as a person sees them on a terminal that obeys none of them."""

from nextword.scoring.line_score import LineScore
from nextword.text.encoded_lines import surface
from nextword.text.printable import printable
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import END


def shown_tokens(tokenizer: Tokenizer, score: LineScore) -> list[str]:
    """Return the tokens of a scored line as they are written, `<eos>` for its end; one out of vocabulary as itself.

    Spaces around a token are left out; a token of white space alone is shown as `␣`.
    """
    pieces = [printable(piece.strip(" ") or "␣") for piece in surface(tokenizer, score.text)]
    return [*pieces, END][: score.num_tokens]
