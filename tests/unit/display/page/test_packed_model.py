import random
import re
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.bundle.mixture import SHARE_STEP
from nextword.display.page import packed_model
from nextword.display.page.packed_model import pack_model, word_character_ranges
from nextword.display.page.page_facts import PageFacts
from nextword.errors import ExportError
from nextword.model.architecture import Architecture
from nextword.model.cells import CELLS
from nextword.text.tokens.pre_tokens import is_word_character
from support.packed import (
    ARCHITECTURES,
    MIXTURES,
    TOKENS,
    arrays_of,
    header_of,
    mixed,
    random_bundle,
    weights_of,
)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_are_rounded_row_by_row(name: str) -> None:
    bundle = random_bundle(ARCHITECTURES[name])
    found = weights_of(pack_model(bundle))
    assert list(found) == list(bundle.architecture.weight_shapes())
    for weight_name, weight in bundle.weights.items():
        rows = weight if weight_name.startswith("embedding/") or weight.ndim == 1 else weight.T
        ours = found[weight_name] if rows is weight else found[weight_name].T
        steps = np.abs(rows).max(axis=-1, keepdims=True) / 127
        assert (np.abs(ours - rows) <= 0.501 * steps).all(), weight_name


def test_the_sample_model_keeps_its_integers(austen: Bundle, packed_austen: bytes) -> None:
    np.testing.assert_array_equal(weights_of(packed_austen)["embedding/embeddings"], austen.embeddings())


def test_the_header_holds_what_the_page_shows() -> None:
    bundle = random_bundle(ARCHITECTURES["tied"])
    packed = pack_model(bundle, passage="It is.", facts=PageFacts("abc", {"parameters": "9"}))
    header = header_of(packed)
    shown = {name: header[name] for name in ("name", "hash", "unit", "card", "figures", "chart", "passage")}
    assert shown == {
        "name": "tiny",
        "hash": "abc",
        "unit": "word",
        "card": [["h2", "tiny"]],
        "figures": {"parameters": "9"},
        "chart": None,
        "passage": "It is.",
    }
    assert header["architecture"] == bundle.architecture.to_table()
    assert header["tokenizer"]["vocabulary"] == list(TOKENS)


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_is_packed_as_it_is_stored(name: str) -> None:
    bundle = mixed(random_bundle(ARCHITECTURES["tied"]), name)
    packed = pack_model(bundle)
    arrays, mixture = arrays_of(packed), bundle.mixture
    assert mixture is not None
    gates = {"ngram": list(mixture.gates.ngram), "cache": list(mixture.gates.cache)}
    expected = {**mixture.settings.to_table(), "share_step": SHARE_STEP, "gates": gates}
    assert header_of(packed)["mixture"] == expected
    parts = {part for part in arrays if part.startswith("ngrams/")}
    if mixture.ngrams is None:
        assert not parts
        return
    assert len(parts) == 1 + 3 * len(mixture.ngrams.levels)
    for length, level in enumerate(mixture.ngrams.levels, start=2):
        for part, array in level._asdict().items():
            np.testing.assert_array_equal(arrays[f"ngrams/{length}/{part}"], array)


def test_n_grams_without_weight_stay_out() -> None:
    bundle = mixed(random_bundle(ARCHITECTURES["tied"]))
    assert bundle.mixture is not None
    settings = bundle.mixture.settings.replace(ngram_weight=0.0)
    packed = pack_model(replace(bundle, mixture=replace(bundle.mixture, settings=settings)))
    assert not any(name.startswith("ngrams/") for name in arrays_of(packed))


def test_a_model_has_a_hash_of_its_own_weights() -> None:
    hashes = {header_of(pack_model(random_bundle(architecture)))["hash"] for architecture in ARCHITECTURES.values()}
    assert len(hashes) == len(ARCHITECTURES)
    assert all(re.fullmatch("[0-9a-f]{12}", each) for each in hashes)


def test_every_cell_has_a_step_in_the_page(scripts: Any) -> None:
    assert scripts.run("(_, __, js) => Object.keys(js.cells.CELLS)") == list(CELLS)


def test_a_model_too_large_for_a_browser_is_refused() -> None:
    architecture = Architecture(vocabulary_size=2**20, embedding_size=1024, hidden_sizes=(1024,))
    with pytest.raises(ExportError, match=r"at most 537 million weights to run in a page, but has 2,\d+"):
        packed_model.require_packable(architecture)


_REFUSED = """async (_, { model }, js) => {
  try {
    js.packed_model.unpackModel(model);
    return null;
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}"""


def test_a_model_of_another_format_is_refused_with_a_message(scripts: Any) -> None:
    packed = pack_model(random_bundle(ARCHITECTURES["tied"]))
    assert scripts.run(_REFUSED, model=packed) is None
    found = scripts.run(_REFUSED, model=packed.replace(b'{"format":1,"name"', b'{"format":2,"name"'))
    assert "must be whole, but it has the format 2 in place of 1. Export the page again" in found


def test_the_table_says_what_the_tokenizer_says() -> None:
    bounds = list(accumulate(word_character_ranges()))
    points = {point for start, stop in zip(bounds[::2], bounds[1::2], strict=True) for point in range(start, stop)}
    draw = random.Random(4)
    tried = {*range(1, 0x600), *(draw.randrange(0x110000) for _ in range(3000)), *bounds}
    for point in tried:
        if not 0xD800 <= point < 0xE000 and chr(point) not in "\n\r" and point < 0x110000:
            assert (point in points) == is_word_character(chr(point)), hex(point)
