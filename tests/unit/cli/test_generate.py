import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextword.cli.main import main
from support.commands import Captured, nextword

Generate = Callable[..., tuple[int, str, str]]

GREEDY = ("--decoding", "greedy", "--max-tokens", "5")


@pytest.fixture
def generate(trained_run: Path, capsys: Captured) -> Generate:
    """Runs the command on the trained run; returns its exit code, output and errors."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = nextword("generate", trained_run, *arguments)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_bytes(b"the cat\nit\r\na bird sang in\n")
    return path


def tables(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_beam_of_one_is_greedy_and_a_wider_one_better(generate: Generate) -> None:
    arguments = ("--prompt", "the", "--max-tokens", "4", "--length-exponent", "0", "--json")
    greedy, narrow, wide = (
        tables(generate(*arguments, *search)[1])[0]
        for search in (["--decoding", "greedy"], ["--beam-size", "1"], ["--beam-size", "400"])
    )
    assert narrow == greedy
    assert wide["score"] == wide["log_prob"] >= greedy["log_prob"] - 1e-5  # beams are scored in rows side by side
    assert len(wide["others"]) == 399


def test_prompts_of_a_file_are_gone_on_with_in_order(generate: Generate, prompts: Path) -> None:
    alone = [generate("--prompt", prompt, *GREEDY)[1] for prompt in ("the cat", "it", "a bird sang in")]
    for batch_size in ("1", "2", "16"):
        code, output, _ = generate("--prompts", prompts, *GREEDY, "--batch-size", batch_size)
        assert (code, output) == (0, "".join(alone))
    prompts.write_bytes(gzip.compress(prompts.read_bytes()))
    assert generate("--prompts", prompts, *GREEDY)[1] == "".join(alone)


def test_the_prompt_is_an_argument_too(generate: Generate) -> None:
    assert generate("the cat", *GREEDY) == generate("--prompt", "the cat", *GREEDY)
    code, _, errors = generate("the cat", "--prompt", "it", *GREEDY)
    assert (code, "must not be given together" in errors) == (2, True)


def test_prompts_come_from_standard_input(generate: Generate, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = generate("--prompt", "it was", *GREEDY)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"it was\n")))
    assert generate("--prompts", "-", *GREEDY) == alone


def test_json_is_a_line_for_each_prompt(generate: Generate, prompts: Path) -> None:
    code, output, _ = generate("--prompts", prompts, "--best-of", "3", "--seed", "1", "--json", "--stop-at-end")
    assert code == 0
    found = tables(output)
    assert [table["prompt"] for table in found] == ["the cat", "it", "a bird sang in"]
    for table in found:
        assert len(table["others"]) == 2
        assert table["score"] >= max(other["score"] for other in table["others"])
        assert table["ending"] == "end"


def test_a_text_that_ends_at_a_line_end_has_no_blank_line_after_it(generate: Generate) -> None:
    greedy = ("--prompt", "the cat", "--decoding", "greedy", "--max-tokens")
    texts = (tables(generate(*greedy, str(count), "--json")[1])[0]["text"] for count in range(2, 20))
    count, text = next((count, text) for count, text in enumerate(texts, 2) if text.endswith("\n"))
    assert generate(*greedy, str(count))[1] == f"the cat{text}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-tokens", "0"], "'--max-tokens': must be at least 1, but is 0"),
        (["--stop", ""], "`stop` must not be empty"),
        (["--beam-size", "4", "--top-k", "2"], "beam search does not sample, but `top_k` is 2"),
        (["--prompt", "the", "--prompts", "-"], "TEXT, `--prompt` and `--prompts` must not be given together"),
        (["--prompts", "nowhere.txt"], "No such file"),
    ],
)
def test_mistakes_are_told_in_a_line(generate: Generate, arguments: list[str], message: str) -> None:
    code, output, errors = generate(*arguments)
    assert (code, output) == (2, "")
    assert message in errors
    assert "Traceback" not in errors


def test_bytes_that_are_not_text_are_told_after_the_texts_before_them(generate: Generate, tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes(b"it was\n\xff\n")
    code, output, errors = generate("--prompts", path, "--batch-size", "1", *GREEDY)
    assert (code, output) == (2, generate("--prompt", "it was", *GREEDY)[1])
    assert f"`{path}`, line 2, byte 7: text must be UTF-8" in errors
    assert generate("--prompts", path, "--on-bad-bytes", "replace", *GREEDY)[0] == 0


def test_mistakes_in_options_are_told_before_a_model_is_read(tmp_path: Path, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["generate", str(tmp_path / "nowhere"), "--min-p", "2"])
    assert stop.value.code == 2
    assert "`min_p` must be at most 1" in capsys.readouterr().err
