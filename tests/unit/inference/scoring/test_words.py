import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.inference.scoring.line_score import LineScore
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.inference.scoring.words import WordScorer, worst_lines
from nextword.text.options import TokenizerKind
from support.small_model import small_model

KINDS: list[TokenizerKind] = ["pretokenized", "word", "character"]
words = st.sampled_from(["the", "cat,", "dog", '"sat', "don't", "é.", "-", "(on)", "b"])
lines_of_text = st.lists(st.lists(words, max_size=9).map("  ".join), min_size=1, max_size=6)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(lines=lines_of_text)
def test_the_words_and_the_end_sum_to_the_line(kind: TokenizerKind, lines: list[str]) -> None:
    model = small_model(kind)
    scorer = WordScorer(model.tokenizer)
    for score in score_lines(model, lines):
        found = scorer.words(score)
        assert [word.word for word in found] == score.text.split()
        if found:
            assert sum(word.bits for word in found) + score.bits[-1] == pytest.approx(-score.log_prob / math.log(2))
        assert any(not word.is_known for word in found) == (score.num_out_of_vocabulary > 0)
        assert [word.log10_frequency is None for word in found] == [not word.is_known for word in found]


def test_punctuation_belongs_to_its_word_and_the_rarest_token_gives_the_frequency() -> None:
    model = small_model("word")
    (score,) = score_lines(model, ['the cat, "on the zyxq'])
    the, cat, on, again, zyxq = WordScorer(model.tokenizer).words(score)
    assert (cat.word, on.word, zyxq.word) == ("cat,", '"on', "zyxq")
    assert cat.bits == pytest.approx(score.bits[1] + score.bits[2])
    shares = [1 / (rank + 2.7) for rank in range(model.tokenizer.vocabulary_size)]
    assert the.log10_frequency == again.log10_frequency == pytest.approx(math.log10(shares[0] / sum(shares)))
    rarest = max(score.ids[1:3])
    assert cat.log10_frequency == pytest.approx(math.log10(shares[rarest] / sum(shares)))
    assert zyxq.is_known is False


def test_bytes_of_a_character_are_tokens_of_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model("pretokenized")
    (score,) = score_lines(model, ["the cat sat on mat"])
    monkeypatch.setattr("nextword.inference.scoring.words.surface", lambda *_: ["the", " é", "é", "é", " on"])
    monkeypatch.setattr("nextword.inference.scoring.words.tidy", lambda *_: "the é on")
    bits = [word.bits for word in WordScorer(model.tokenizer).words(score)]
    assert bits == pytest.approx([score.bits[0], score.bits[1:4].sum(), score.bits[4]])


def test_the_three_most_surprising_words_are_marked() -> None:
    model = small_model("pretokenized")
    (score,) = score_lines(model, ["the cat zyxq on the mat"])
    marked = WordScorer(model.tokenizer).marked(score)
    words = WordScorer(model.tokenizer).words(score)
    shown = {f"[{word.word}{'' if word.is_known else '*'} {word.bits:.1f}]" for word in words}
    in_brackets = [part + "]" for part in marked.split("]") if "[" in part]
    assert len(in_brackets) == 3
    assert {part[part.index("[") :] for part in in_brackets} <= shown
    assert f"[zyxq* {words[2].bits:.1f}]" in marked
    assert not WordScorer(model.tokenizer).words(next(score_lines(model, [" "])))


@settings(max_examples=30)
@given(lines=lines_of_text, count=st.integers(1, 7), eos=st.booleans())
def test_the_worst_lines_are_the_first_of_all_sorted(lines: list[str], count: int, eos: bool) -> None:
    scores = list(score_lines(small_model(), lines, ScoringOptions(eos=eos)))

    def bits(score: LineScore) -> float:
        return -score.log_prob / score.num_tokens

    expected = sorted((score for score in scores if score.text.strip()), key=lambda score: -bits(score))
    assert [score.number for score in worst_lines(iter(scores), count)] == [score.number for score in expected[:count]]
