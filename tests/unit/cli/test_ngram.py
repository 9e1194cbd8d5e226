from pathlib import Path

from support.commands import Captured, Command, Json, nextword


def test_a_model_is_measured_and_written(small_text: Path, tmp_path: Path, json_of: Json) -> None:
    arpa = tmp_path / "story.arpa"
    result = json_of("ngram", small_text, "--order", 3, "--arpa", arpa)
    assert (result["order"], result["tokenizer"], result["arpa"]) == (3, "pretokenized", str(arpa))
    assert result["num_ngrams"][0] == result["vocabulary_size"] + 1  # `<s>` too
    head = [f"ngram {length}={size}" for length, size in enumerate(result["num_ngrams"], start=1)]
    assert arpa.read_text(encoding="utf-8").splitlines()[:4] == ["\\data\\", *head]
    assert result["splits"].keys() == {"valid", "test"}
    assert 1 < result["splits"]["test"]["perplexity"] == result["splits"]["test"]["perplexity_without_unknown"] < 2
    assert result["splits"]["test"]["num_unknown"] == 0


def test_only_an_arpa_file_needs_words_that_it_can_hold(tmp_path: Path, mistake: Command, json_of: Json) -> None:
    text = tmp_path / "marked.txt"
    text.write_text("<s> the cat sat </s>\n" * 100, encoding="utf-8")
    assert json_of("ngram", text)["splits"]["test"]["perplexity"] < 2
    assert "a word of an ARPA file must" in mistake("ngram", text, "--arpa", tmp_path / "marked.arpa")


def test_the_table_is_for_a_person(small_text: Path, capsys: Captured) -> None:
    assert nextword("ngram", small_text, "--order", 2) == 0
    output, told = capsys.readouterr()
    assert "words are split at spaces; to compare perplexities with `nextword train`, give `--tokenizer word`" in told
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
