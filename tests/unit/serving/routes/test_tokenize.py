"""Text to token ids and back over HTTP, and what `lm_eval` asks before it begins."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

import nextword
from nextword.serving.settings import ServingSettings
from support.text_service import answered, austen_service, refused, service_of, tiny_model


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with austen_service(ServingSettings(max_prompt_tokens=20)) as client:
        yield client


def test_ids_are_those_of_the_tokenizer(client: TestClient) -> None:
    text = "She was very  much obliged,\n\nand so"
    answer = answered(client, "/tokenize", prompt=text)
    tokenizer = nextword.load("austen").tokenizer
    assert answer["tokens"] == tokenizer.encode(text)
    assert answer["count"] == len(answer["tokens"])
    assert [text[start:end] for start, end in answer["offsets"][:5]] == ["She", "was", "very", "much", "obliged"]
    assert answer["token_texts"][:2] == ["She", "was"]
    assert answered(client, "/detokenize", tokens=answer["tokens"])["prompt"] == tokenizer.decode(answer["tokens"])


def test_the_answer_names_the_model(client: TestClient) -> None:
    response = client.post("/tokenize", json={"prompt": "She"})
    digits = response.headers["X-Model-Hash"]
    assert len(digits) == 64
    assert response.json()["system_fingerprint"] == f"austen-{digits[:12]}"


def test_what_lm_eval_needs(client: TestClient) -> None:
    """`RemoteTokenizer` of lm_eval 0.4.13 reads these names, and encodes the end token by its text."""
    info = client.get("/tokenizer_info").json()
    assert info.get("eos_token") == "<eos>"
    assert info["chat_template"] is None
    ids = answered(client, "/tokenize", prompt=info["eos_token"], add_special_tokens=False)["tokens"]
    assert ids == [info["eos_token_id"]] == [nextword.load("austen").tokenizer.vocabulary.end_id]
    assert answered(client, "/tokenize", prompt="test", add_special_tokens=False)["tokens"]
    assert isinstance(answered(client, "/detokenize", tokens=[0, 1])["prompt"], str)


def test_special_tokens_begin_the_text(client: TestClient) -> None:
    plain, special = (answered(client, "/tokenize", prompt="She", add_special_tokens=given) for given in (False, True))
    assert special["tokens"] == [nextword.load("austen").tokenizer.vocabulary.end_id, *plain["tokens"]]
    assert special["offsets"][0] == [0, 0]


def test_nothing_is_no_tokens(client: TestClient) -> None:
    assert answered(client, "/tokenize", prompt="")["tokens"] == []
    assert answered(client, "/detokenize", tokens=[])["prompt"] == ""


def test_a_long_text_is_refused(client: TestClient) -> None:
    assert answered(client, "/tokenize", prompt="it " * 20)["count"] == 20
    error = refused(client, "/tokenize", prompt="it " * 21)
    assert error["param"] == "prompt"
    assert "20 tokens" in error["message"]
    assert refused(client, "/detokenize", tokens=[0] * 21)["param"] == "tokens"


def test_an_id_outside_the_vocabulary_is_refused(client: TestClient) -> None:
    assert "between 0 and 9877" in refused(client, "/detokenize", tokens=[9878])["message"]
    assert refused(client, "/detokenize", tokens=[-1])["param"] == "tokens.0"
    assert refused(client, "/detokenize", tokens=[1.5])["param"] == "tokens.0"


def test_a_reserved_token_in_the_text_is_refused() -> None:
    with service_of(tiny_model(kind="pretokenized", tokens=("<unk>", "<eos>", "it"))) as client:
        assert "reserved" in refused(client, "/tokenize", prompt="it <eos> it")["message"]
