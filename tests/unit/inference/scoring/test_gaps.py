import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.engine.engine import WindowPrediction
from nextword.engine.text_model import LoadedModel
from nextword.errors import SettingError, TextError
from nextword.inference.scoring.gaps import proposals, rank
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from support.small_model import small_model

candidate_lists = st.lists(st.sampled_from(["cat", "sat on", "", "dog", "mat ."]), min_size=1, max_size=6)


@settings(max_examples=30)
@given(candidates=candidate_lists, eos=st.booleans())
def test_candidates_are_ranked_by_the_whole_line(candidates: list[str], eos: bool) -> None:
    model = small_model()
    options = ScoringOptions(eos=eos)
    ranked = rank(model, "the ___ sat", candidates, options=options)
    assert sorted(found.candidate for found in ranked) == sorted(set(candidates))
    log_probs = [found.log_prob for found in ranked]
    assert log_probs == sorted(log_probs, reverse=True)
    for found in ranked:
        (line,) = score_lines(model, [f"the {found.candidate} sat"], options)
        assert found.text == line.text
        assert found.log_prob == pytest.approx(line.log_prob, abs=1e-4)
        assert (found.num_tokens, found.num_out_of_vocabulary) == (line.num_tokens, line.num_out_of_vocabulary)
    probabilities = np.exp(log_probs) / np.exp(log_probs).sum()
    assert [found.probability for found in ranked] == pytest.approx(probabilities.tolist())


def test_the_text_after_the_gap_counts() -> None:
    """Two texts that differ only after the gap rank the candidates differently."""
    model = small_model(seed=3)
    words = ["the", "cat", "sat", "on", "mat", "."]
    orders = {tuple(found.candidate for found in rank(model, f"the ___ {word}", words)) for word in words}
    assert len(orders) > 1


def test_ties_keep_their_order(model: LoadedModel) -> None:
    ranked = rank(model, "the ?", ["dog", "cow", "dog"], gap="?", options=ScoringOptions(spell=False))
    assert [found.candidate for found in ranked] == ["dog", "cow"]  # both are <unk>
    assert [found.probability for found in ranked] == [0.5, 0.5]


def test_proposals_are_the_most_probable_next_words() -> None:
    model = small_model("word")
    proposed = proposals(model, "the cat ___ on", count=30)
    assert len(proposed) == len(set(proposed))
    vocabulary = model.tokenizer.vocabulary
    assert set(proposed) == {token.strip(" ") for token in vocabulary.tokens} - {"<unk>", "<eos>"}
    ids = np.array([[vocabulary.end_id, *model.tokenizer.encode("the cat")]], np.int32)
    prediction, _ = model.engine.predict_window(ids, model.engine.start(1))
    best = [vocabulary.token_of(token_id) for token_id in np.argsort(-prediction.log_probs[0, -1])]
    assert proposed[0] == next(token.strip(" ") for token in best if token not in ("<unk>", "<eos>"))
    assert proposals(model, "the cat ___ on", count=2) == proposed[:2]


@pytest.mark.parametrize("text", ["the cat", "the ___ sat ___", "", "the ____ sat"])
def test_more_or_less_than_one_gap_is_refused(model: LoadedModel, text: str) -> None:
    with pytest.raises(SettingError, match=r"the text must have one gap, but has [02]"):
        rank(model, text, ["cat"])


def test_mistakes_are_refused() -> None:
    model = small_model()
    with pytest.raises(SettingError, match="`candidates` must have at least one word"):
        rank(model, "the ___", [])
    with pytest.raises(SettingError, match="`candidates` must be a list of strings, but is one string"):
        rank(model, "the ___", "cat")
    with pytest.raises(SettingError, match="the text must have one gap, but has 0; put `___`"):
        rank(model, "the ___", ["cat"], gap="")
    with pytest.raises(TextError, match="must be one line, but has several"):
        rank(model, "the ___\ncat", ["cat"])
    with pytest.raises(SettingError, match="`count` must be at least 1, but is 0"):
        proposals(model, "the ___", count=0)
    characters = small_model("character")
    with pytest.raises(SettingError, match="must consist of words to propose candidates, but has characters"):
        proposals(characters, "a___")


def test_impossible_candidates_are_refused(model: LoadedModel) -> None:
    vars(model.engine)["predict_window"] = lambda inputs, state: (
        _impossible((*inputs.shape, model.engine.vocabulary_size)),
        state,
    )
    with pytest.raises(SettingError, match="at least one candidate must be possible"):
        rank(model, "the ___", ["cat"])


def _impossible(shape: tuple[int, int, int]) -> WindowPrediction:
    return WindowPrediction(np.full(shape, -np.inf, np.float32), None)
