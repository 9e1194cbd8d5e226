import json
from pathlib import Path

import pytest

from nextword import kenlm
from nextword.engine.ngram.arpa import read_arpa
from support.commands import Captured, Command, Json, nextword


def test_a_model_is_trained_measured_and_written(small_text: Path, tmp_path: Path, capsys: Captured) -> None:
    arpa = tmp_path / "story.arpa.gz"
    assert nextword("ngram", small_text, "--order", 3, "--arpa", arpa, "--json") == 0
    output, told = capsys.readouterr()
    assert "words are split at spaces; to compare perplexities with `nextword train`" in told
    result = json.loads(output)
    assert result["order"] == 3
    assert result["tokenizer"] == "pretokenized"
    assert result["num_ngrams"][0] == result["vocabulary_size"] + 1  # `<s>` too
    assert len(result["num_ngrams"]) == 3
    assert result["arpa"] == str(arpa)
    assert result["splits"].keys() == {"valid", "test"}
    assert 1 < result["splits"]["test"]["perplexity"] < 2
    assert result["splits"]["test"]["num_unknown"] == 0
    assert result["num_ngrams"] == [len(table) for table in read_arpa(arpa).tables]
    model = kenlm.Model(str(arpa))
    assert model.order == 3
    assert model.perplexity("the cat sat on the mat .") < 2


def test_the_perplexity_is_that_of_the_file(small_text: Path, tmp_path: Path, json_of: Json) -> None:
    arpa = tmp_path / "story.arpa"
    folder = tmp_path / "split"
    folder.mkdir()
    lines = small_text.read_text(encoding="utf-8").splitlines()
    test = ["the cat ate a zebra .", "", "a day it was"]
    for name, part in {"train": lines[:400], "valid": lines[400:410], "test": test}.items():
        (folder / f"{name}.txt").write_text("\n".join(part) + "\n", encoding="utf-8")
    figures = json_of("ngram", folder, "--arpa", arpa)["splits"]["test"]
    model = kenlm.Model(str(arpa))
    scores = [score for line in test for score in model.full_scores(line)]
    assert figures["num_tokens"] == len(scores)
    assert figures["num_unknown"] == sum(oov for _, _, oov in scores) == 1
    assert figures["perplexity"] == pytest.approx(10 ** -(sum(score for score, _, _ in scores) / len(scores)), rel=1e-5)
    known = [score for score, _, oov in scores if not oov]
    assert figures["perplexity_without_unknown"] == pytest.approx(10 ** -(sum(known) / len(known)), rel=1e-5)


def test_only_an_arpa_file_needs_words_that_it_can_hold(tmp_path: Path, mistake: Command, json_of: Json) -> None:
    text = tmp_path / "marked.txt"
    text.write_text("<s> the cat sat </s>\n" * 100, encoding="utf-8")
    assert json_of("ngram", text)["splits"]["test"]["perplexity"] < 2
    assert "a word of an ARPA file must" in mistake("ngram", text, "--arpa", tmp_path / "marked.arpa")


def test_the_table_is_for_a_person(small_text: Path, capsys: Captured) -> None:
    assert nextword("ngram", small_text, "--tokenizer", "word", "--order", 2) == 0
    output, told = capsys.readouterr()
    assert "--tokenizer word" not in told
    lines = output.splitlines()
    assert lines[0].split() == ["split", "perplexity", "without", "<unk>", "tokens", "<unk>"]
    assert [line.split()[0] for line in lines[1:3]] == ["valid", "test"]
    assert "n-grams of length 1 to 2" in lines[3]
    assert len(lines) == 4


def test_the_help_has_the_defaults_of_this_command(printed: Command) -> None:
    told = " ".join(printed("ngram", "--help").split())
    assert "into tokens (pretokenized, word, subword or character; default: pretokenized)." in told
    assert "in the vocabulary (default: 50,000 for word, 8,000 for subword, else no limit)." in told
    assert "at least N times (default: 2 for word and subword, else 1)." in told
