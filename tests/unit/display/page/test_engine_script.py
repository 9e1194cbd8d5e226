"""`site/js/engine.js` in Node, beside the Python engine on the same rounded weights."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.display.page.packed_model import pack_model
from nextword.engine.stream import token_log_probs
from nextword.text.corpus import Corpus
from support.packed import ARCHITECTURES, MIXTURES, SIZES, mixed, random_bundle, random_ids, same_model

ALL = pytest.mark.parametrize("name", ARCHITECTURES)

_LOG_PROBS = """async (ids, { model }, js) => {
  const engine = js.open(model);
  let state = engine.start();
  let id = engine.endId;
  const found = [];
  for (const next of ids) {
    const prediction = engine.step(id, state);
    found.push(prediction.logProbs[next]);
    state = prediction.state;
    id = next;
  }
  return found;
}"""


def test_log_probs_of_the_sample_model_over_two_thousand_tokens(
    scripts: Any, austen: Bundle, packed_austen: bytes
) -> None:
    ids = np.array(Corpus.load("austen", tokenizer=austen.tokenizer).test.ids[:2000])
    found = scripts.run(_LOG_PROBS, ids.tolist(), model=packed_austen)
    expected = token_log_probs(same_model(packed_austen, austen).engine, ids)
    assert len(expected) == 2000
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


@ALL
def test_log_probs_of_every_cell_and_projection(name: str, scripts: Any) -> None:
    bundle = random_bundle(ARCHITECTURES[name])
    packed = pack_model(bundle)
    ids = np.random.default_rng(2).integers(SIZES["vocabulary_size"], size=60, dtype=np.int32)
    found = scripts.run(_LOG_PROBS, ids.tolist(), model=packed)
    np.testing.assert_allclose(found, token_log_probs(same_model(packed, bundle).engine, ids), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "mixture"), [*(("tied", mixture) for mixture in MIXTURES), *((name, "both") for name in ARCHITECTURES)]
)
def test_mixed_log_probs_are_those_of_python(name: str, mixture: str, scripts: Any) -> None:
    bundle = mixed(random_bundle(ARCHITECTURES[name]), mixture)
    packed = pack_model(bundle)
    ids = random_ids(80, SIZES["vocabulary_size"], seed=2)
    expected = token_log_probs(same_model(packed, bundle).engine, ids)
    found = scripts.run(_LOG_PROBS, ids.tolist(), model=packed)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    network = scripts.run(_LOG_PROBS, ids.tolist(), model=pack_model(replace(bundle, mixture=None)))
    assert np.abs(np.subtract(found, network)).max() > 0.1


def test_a_mixed_state_never_changes_and_does_not_keep_the_whole_text_alive(scripts: Any) -> None:
    packed = pack_model(mixed(random_bundle(ARCHITECTURES["tied"])))
    found = scripts.run(
        """async ([ids, others], { model }, js) => {
          const engine = js.open(model);
          const after = (more, state) => more.reduce((last, id) => engine.read(id, last), state);
          const state = after(ids, engine.start());
          const before = [...engine.predict(state)];
          const branches = [others, ids].map((more) => [...engine.predict(after(more, state))]);
          let length = 0;
          for (const list of [state.past.recent, state.past.older]) {
            for (let entry = list; entry; entry = entry.previous) length += 1;
          }
          return { before, now: [...engine.predict(state)], branches, length };
        }""",
        [ids.tolist() for ids in (random_ids(80, 30, seed=1), random_ids(40, 30, seed=2))],
        model=packed,
    )
    assert found["before"] == found["now"]
    assert found["branches"][0] != found["branches"][1]
    assert 12 <= found["length"] <= 24


_TRACE = """async (ids, { model }, js) => {
  const engine = js.open(model);
  let state = engine.start();
  let step;
  for (const id of ids) {
    step = engine.step(id, state);
    state = step.state;
  }
  const layers = step.gates.map((gates) => Object.fromEntries(
    Object.entries(gates).map(([gate, values]) => [gate, [...values]]),
  ));
  return { layers, state: state.layers.map((arrays) => arrays.map((array) => [...array])) };
}"""


def test_the_gates_of_an_lstm_give_its_next_cell(scripts: Any) -> None:
    packed = pack_model(random_bundle(ARCHITECTURES["tied"]))
    before, after = (scripts.run(_TRACE, ids, model=packed) for ids in ([1, 5], [1, 5, 9]))
    assert [set(layer) for layer in after["layers"]] == [
        {"input", "forget", "candidate", "output", "cell", "hidden"}
    ] * 2
    for layer, (_, cell) in zip(after["layers"], before["state"], strict=True):
        gates = {gate: np.array(values) for gate, values in layer.items()}
        expected = gates["forget"] * cell + gates["input"] * gates["candidate"]
        np.testing.assert_allclose(gates["cell"], expected, atol=1e-6)
        np.testing.assert_allclose(gates["hidden"], gates["output"] * np.tanh(gates["cell"]), atol=1e-6)


@pytest.mark.parametrize(("name", "gates"), [("gru", {"update", "reset", "candidate"}), ("rnn", {"candidate"})])
def test_other_cells_show_their_own_gates(name: str, gates: set[str], scripts: Any) -> None:
    found = scripts.run(_TRACE, [1, 5, 9], model=pack_model(random_bundle(ARCHITECTURES[name])))
    assert set(found["layers"][0]) == gates | {"hidden"}


def test_a_word_left_out_counts_by_its_difference(scripts: Any) -> None:
    bundle = random_bundle(ARCHITECTURES["tied"])
    packed = pack_model(bundle)
    ids = [4, 9, 2, 7]
    found = scripts.run(
        """async (ids, { model }, js) => {
          const reading = new js.reading.Reading(js.open(model));
          for (const id of ids) {
            reading.steps.push(reading.stepOn(id, (reading.steps.at(-1) ?? reading.first).state));
          }
          reading.ids = ids;
          return reading.differencesWithout(2, ids[3], () => true);
        }""",
        ids,
        model=packed,
    )
    engine = same_model(packed, bundle).engine
    left_out = [np.array([*ids[:place], *ids[place + 1 :]], np.int32) for place in range(3)]
    whole = token_log_probs(engine, np.array(ids, np.int32))[-1]
    np.testing.assert_allclose(found, [whole - token_log_probs(engine, each)[-1] for each in left_out], atol=1e-4)
