from collections.abc import Callable

from nextword.engine.trained_model import TrainedModel
from nextword.scoring.display import shown_tokens
from nextword.scoring.line_scoring import score_lines
from nextword.scoring.options import ScoringOptions

Model = Callable[..., TrainedModel]


def shown(model: TrainedModel, line: str, *, eos: bool = True) -> list[str]:
    (score,) = score_lines(model.engine, model.tokenizer, [line], ScoringOptions(eos=eos))
    return shown_tokens(model.tokenizer, score)


def test_tokens_are_shown_as_they_are_written(small_model: Model) -> None:
    assert shown(small_model("word"), 'Zebra,  the "cat".') == ["Zebra", ",", "the", '"', "cat", '"', ".", "<eos>"]
    assert shown(small_model("word"), "the", eos=False) == ["the"]
    assert shown(small_model("character"), "a b") == ["a", "␣", "b", "<eos>"]
    assert shown(small_model(), "") == ["<eos>"]


def test_a_terminal_obeys_none_of_them(small_model: Model) -> None:
    assert shown(small_model(), "the\x1b[2J cat\x07") == [r"the\x1b[2J", r"cat\x07", "<eos>"]
    assert shown(small_model(), "\u202ethe") == [r"\u202ethe", "<eos>"]
