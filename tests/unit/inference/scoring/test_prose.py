import numpy as np
import pytest

from nextword.engine.text_model import LoadedModel
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.inference.scoring.prose import read_lines_of_prose, score_prose
from nextword.text.options import LineEnds
from support.small_model import small_model

PROSE = ["The cat sat. Mr. Cat", 'sat on the mat! "Did', 'he?" It did.', "", "", "He said: no. but yes."]


@pytest.fixture
def model() -> LoadedModel:
    return small_model("word", line_ends="paragraph")


def test_sentences_are_found_however_lines_are_wrapped(model: LoadedModel) -> None:
    found = list(score_prose(model, PROSE, ScoringOptions()))
    assert [(score.number, score.text) for score in found] == [
        (1, "The cat sat."),
        (1, "Mr. Cat sat on the mat!"),
        (2, '"Did he?"'),
        (3, "It did."),
        (6, "He said: no. but yes."),
    ]
    assert found[0].tokens == ("The", "cat", "sat", ".")


def test_a_sentence_has_the_scores_that_it_has_in_its_paragraph(model: LoadedModel) -> None:
    found = list(score_prose(model, PROSE, ScoringOptions()))
    paragraphs = [" ".join(PROSE[:3]), PROSE[5]]
    whole = list(score_lines(model, paragraphs, ScoringOptions(eos=False)))
    for name in ("log_probs", "ids", "ranks", "out_of_vocabulary", "spelling_log_probs"):
        parts = [getattr(score, name) for score in found]
        np.testing.assert_array_equal(np.concatenate(parts), np.concatenate([getattr(each, name) for each in whole]))


@pytest.mark.parametrize(
    ("lines", "line_ends", "are_prose"),
    [(PROSE * 3, "paragraph", True), (PROSE * 3, "line", False), (["The cat sat.", "It did."], "paragraph", False)],
)
def test_only_a_model_of_paragraphs_reads_prose(lines: list[str], line_ends: LineEnds, are_prose: bool) -> None:
    tokenizer = small_model("word", line_ends=line_ends).tokenizer
    again, found = read_lines_of_prose(tokenizer, lines)
    assert (list(again), found) == (lines, are_prose)
