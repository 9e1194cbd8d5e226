import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.bundle.mixture import Gates, MixtureFacts, MixtureSettings
from nextword.bundle.model_card import (
    ModelFacts,
    SplitMetrics,
    mixture_facts,
    model_card,
    summary_of,
    with_mixture_section,
)
from nextword.model.architecture import Architecture

FACTS = ModelFacts(
    name="tutorial",
    architecture=Architecture(
        vocabulary_size=10_000, embedding_size=500, hidden_sizes=(500, 500), output_dropout_rate=0.5
    ),
    corpus="ptb",
    corpus_sha256="ab" * 32,
    tokenizer_kind="pretokenized",
    command="nextword train ptb --preset tutorial --run runs/tutorial",
    seed=7,
    date="2018-02-03",
    versions={"nextword": "0.1.0", "keras": "3.15.1"},
    metrics=[
        SplitMetrics(
            split="test",
            perplexity=1123.456,
            bits_per_character=2.1337,
            num_out_of_vocabulary=0,
            accuracy=0.25678,
            num_tokens=82_430,
            protocol="Every token once, state carried from the first.",
        )
    ],
)


@pytest.mark.parametrize(
    "said",
    [
        "# tutorial\n",
        "| vocabulary | 10,000 tokens, pretokenized |",
        "| LSTM layers | 500, 500 |",
        "| dropout | output 0.5 |",
        "A language model (LSTM). ",
        "| parameters | 14,014,000 (56.1 MB in float32) |",
        "| trained on | ptb |",
        f"| text fingerprint | {'ab' * 32} |",
        "| date | 2018-02-03 |",
        "| seed | 7 |",
        "| software | keras 3.15.1, nextword 0.1.0 |",
        "```sh\nnextword train ptb --preset tutorial --run runs/tutorial\n```",
        "| test | 1,123.46 | 25.68% | 82,430 |\n\n",
        "\n\nProtocol of test: Every token once, state carried from the first.\n\n",
        'nextword suggest MODEL "the text so far" -k 5',
        'model = nextword.load("MODEL")',
    ],
)
def test_the_card_tells(said: str) -> None:
    assert said in model_card(FACTS)


def test_a_shared_embedding_is_told() -> None:
    architecture = FACTS.architecture.replace(tied=True)
    assert "| embedding | 500, shared with the output |" in model_card(replace(FACTS, architecture=architecture))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cell": "gru"}, "| GRU layers | 500, 500 |"),
        ({"cell": "gru"}, "A language model (GRU). "),
        ({"cell": "rnn"}, "| RNN layers | 500, 500 |"),
        ({"output_dropout_rate": 0.0}, "| dropout | none |"),
        (
            {"weight_drop_rate": 0.25, "locked_dropout": True},
            "| dropout | output 0.5, recurrent weights 0.25, one mask for all steps of a window |",
        ),
    ],
)
def test_the_card_tells_the_cell_and_every_rate(changes: dict[str, Any], said: str) -> None:
    assert said in model_card(replace(FACTS, architecture=FACTS.architecture.replace(**changes)))


def test_every_rate_of_an_architecture_has_its_name_on_the_card() -> None:
    rates = {name for name in FACTS.architecture.to_table() if name.endswith(("dropout_rate", "drop_rate"))}
    card = model_card(replace(FACTS, architecture=FACTS.architecture.replace(**dict.fromkeys(rates, 0.125))))
    assert card.count(" 0.125") == len(rates)


MIXTURE = MixtureFacts(
    MixtureSettings(ngram_weight=0.14, cache_weight=0.5, cache_size=900, cache_delay=3, cache_sentinel=40.0), [120, 7]
)
GATES = Gates(ngram=(0.5, 0.25))


def test_the_card_tells_the_mixture_and_what_it_brings() -> None:
    row = replace(FACTS.metrics[0], perplexity_as_used=987.654, protocol_as_used="A cache of 900 tokens.")
    facts = mixture_facts(MIXTURE._replace(gates=GATES), counted_tokens=5_000, pruning_cost=0.0123)
    card = model_card(replace(FACTS, metrics=[row], mixture=facts))
    for said in (
        "| split | perplexity | as used | accuracy | tokens |",
        "| test | 1,123.46 | 987.65 | 25.68% | 82,430 |",
        "As used, on test: A cache of 900 tokens.",
        "| n-grams | weight 0.14; 120 of 2 tokens, 7 of 3 tokens, from 5,000 tokens of the training text |",
        "would be 1.2% lower",
        "| cache | weight 0.5 of 900 tokens without the latest 3, theta 0.3, sentinel 40 |",
        "| weights | rise and fall with what was read |",
        "Anyone who has the model can read them.",
    ):
        assert said in card
    assert summary_of([row]) == "perplexity: test 1,123.46, test 987.65 as used"
    unknown = replace(row, num_out_of_vocabulary=1, bits_per_character=1.5)
    assert summary_of([unknown]) == "bits per character: test 1.500; perplexity: test 1,123.46, test 987.65 as used"


def test_a_mixture_of_a_cache_reveals_nothing() -> None:
    facts = mixture_facts(MIXTURE._replace(settings=MIXTURE.settings.replace(ngram_weight=0.0)))
    assert list(facts) == ["cache"]
    assert "Anyone who has the model can read" not in model_card(replace(FACTS, mixture=facts))


def test_the_mixture_of_a_card_is_replaced_and_taken_out() -> None:
    plain, facts = model_card(FACTS), mixture_facts(MIXTURE)
    card = with_mixture_section(plain, facts)
    assert card == model_card(replace(FACTS, mixture=facts))
    other = with_mixture_section(card, {"cache": "another"})
    assert other == with_mixture_section(plain, {"cache": "another"})
    assert "| cache | another |" in other
    assert with_mixture_section(other, {}) == with_mixture_section(plain, {}) == plain
    assert with_mixture_section("# tiny", {"cache": "weight 0.5"}).startswith("# tiny\n\n## Mixture\n\n| property |")


def test_figures_of_a_former_mixture_go_with_it() -> None:
    row = replace(FACTS.metrics[0], perplexity_as_used=987.654, protocol_as_used="A cache of 900 tokens.")
    card = model_card(replace(FACTS, metrics=[row], mixture=mixture_facts(MIXTURE)))
    assert with_mixture_section(card, {}) == model_card(FACTS)
    other = with_mixture_section(card, {"cache": "another"})
    assert other == model_card(replace(FACTS, mixture={"cache": "another"}))


def test_a_card_without_figures_says_so() -> None:
    assert "## Figures\n\nNo figures were measured.\n" in model_card(replace(FACTS, metrics=[]))


def without_fences(card: str) -> str:
    return re.sub(r"^(`{3,})\w*\n.*?\n\1$", "", card, flags=re.DOTALL | re.MULTILINE)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_text_comes_out_as_text_whatever_marks_it_holds(text: str) -> None:
    card = model_card(replace(FACTS, corpus=text, date=text, versions={text: text}))
    usual = model_card(FACTS)
    assert len(card.splitlines()) >= len(usual.splitlines())
    tables = [line for line in without_fences(card).split("\n") if line.startswith("|")]
    usual_tables = [line for line in without_fences(usual).split("\n") if line.startswith("|")]
    for line, usual_line in zip(tables, usual_tables, strict=True):
        assert len(re.findall(r"(?<!\\)\|", line.replace("\\\\", ""))) == usual_line.count("|")
    assert not re.search(r"(?<!\\)[<>\[\]]", without_fences(card).replace("\\\\", ""))


@pytest.mark.parametrize("command", ["nextword train '```' x", "a\n````\nb", "`"])
def test_the_command_cannot_leave_its_fence(command: str) -> None:
    card = model_card(replace(FACTS, command=command))
    start = card.index("This command trained the model:\n\n") + len("This command trained the model:\n\n")
    fence = card[start:].split("sh\n", 1)[0]
    assert set(fence) == {"`"}
    assert fence not in command
    assert card[start:].startswith(f"{fence}sh\n{command}\n{fence}\n")
