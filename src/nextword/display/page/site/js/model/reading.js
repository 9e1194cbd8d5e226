// A text as the engine reads it: gates, states and predictions after every token.

import { topK } from "./sampling.js";
import { pauses } from "./state_tree.js";
import { stripped } from "./tokenizer.js";

const PIECE = 16; // tokens between two pauses, so that the page stays responsive
const NUM_PREDICTED = 5;
const MAX_DISTANCE = 40; // words back that are left out; each one costs a reading of all words after it

export class Reading {
  /** @param {Engine} engine */
  constructor(engine) {
    this.engine = engine;
    this.first = this.stepOn(engine.endId, engine.start(), []);
    this.gates = this.first.gates[0]; // the values of the first layer before the text
    this.numLayers = this.first.gates.length;
    this.memory = "cell" in this.gates ? "cell" : "hidden"; // some cells have no other memory than their output
    this.ids = [];
    this.steps = [];
    this.words = [];
    this.turn = 0;
    const alike = new Map(); // tokens that differ only in spaces are one word, as in suggestions
    engine.tokenizer.pieces.forEach((piece, id) => {
      const word = stripped(piece) || piece;
      alike.set(word, [...(alike.get(word) ?? []), id]);
    });
    this.alike = [...alike.values()];
  }

  /** Read a text; what the last text began with is not read again. Return false if a newer text came meanwhile. */
  async read(text, maxTokens) {
    this.turn += 1;
    const mine = this.turn;
    const { tokenizer } = this.engine;
    const ids = tokenizer.encodePrompt(text).slice(0, maxTokens);
    let same = 0;
    while (same < ids.length && ids[same] === this.ids[same]) same += 1;
    const steps = this.steps.slice(0, same);
    for (let index = same; index < ids.length; index += 1) {
      steps.push(this.stepOn(ids[index], (steps.at(-1) ?? this.first).state));
      if (index % PIECE === PIECE - 1) await new Promise((resolve) => setTimeout(resolve));
      if (mine !== this.turn) return false;
    }
    this.ids = ids;
    this.steps = steps;
    const written = tokenizer.tokens(text).map(({ start, end }) => text.slice(start, end)); // unknown words too
    this.words = ids.map((id, index) => written[index]?.trim() || this.wordOf(id));
    return true;
  }

  get length() {
    return this.ids.length;
  }

  wordOf(id) {
    return id === this.engine.endId ? "¶" : this.engine.tokenizer.pieces[id].trim() || "␣";
  }

  sizeOf(layer) {
    return this.first.gates[layer].hidden.length;
  }

  /** Return the values of a gate of one cell after each token. */
  course(layer, gate, cell) {
    return this.steps.map((step) => step.gates[layer][gate][cell]);
  }

  /** Return all values of one cell after a token; index -1 is the beginning of the text. */
  valuesAt(index, layer, cell) {
    const { gates } = index < 0 ? this.first : this.steps[index];
    return Object.fromEntries(Object.entries(gates[layer]).map(([gate, values]) => [gate, values[cell]]));
  }

  /** Return cells in the order of their mean change from word to word. */
  ranked(layer) {
    const courses = [this.first, ...this.steps].map((step) => step.gates[layer][this.memory]);
    const totals = new Float64Array(this.sizeOf(layer));
    for (let step = 1; step < courses.length; step += 1) {
      const [before, now] = [courses[step - 1], courses[step]];
      for (const cell of totals.keys()) totals[cell] += Math.abs(now[cell] - before[cell]);
    }
    return [...totals.keys()].sort((a, b) => totals[b] - totals[a]);
  }

  /** Return by how much the log-probability of a token falls if each word is left out; NaN for words too far back.
   *
   * @param {number} last index of the last word before the prediction
   * @param {number} target the predicted token
   * @param {() => boolean} isWanted whether the answer is still wanted
   */
  async differencesWithout(last, target, isWanted) {
    const { engine, ids, steps, first } = this;
    const whole = engine.predict(steps[last].state)[target];
    const differences = new Array(last + 1).fill(Number.NaN);
    const pause = pauses();
    for (let left = last; left >= Math.max(0, last + 1 - MAX_DISTANCE); left -= 1) {
      let { state } = left ? steps[left - 1] : first;
      for (let next = left + 1; next <= last; next += 1) {
        state = engine.read(ids[next], state);
        await pause();
        if (!isWanted()) return differences;
      }
      differences[left] = whole - engine.predict(state)[target];
    }
    return differences;
  }

  /** Return the state after a token, the gates of each layer, and the most probable words `alike` with their tokens. */
  stepOn(id, state, alike = this.alike) {
    const { logProbs, state: after, gates } = this.engine.step(id, state);
    const probabilities = Float64Array.from(alike, (ids) =>
      ids.reduce((sum, each) => sum + Math.exp(logProbs[each]), 0),
    );
    const predicted = topK(probabilities, NUM_PREDICTED).map((word) => {
      const best = alike[word].reduce((found, other) => (logProbs[other] > logProbs[found] ? other : found));
      return { id: best, text: this.wordOf(best), probability: probabilities[word] };
    });
    return { state: after, gates, predicted };
  }
}
