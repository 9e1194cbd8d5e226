// A text as the engine reads it: gates, states and predictions after every token.

import { topK } from "./sampling.js";

const PIECE = 16; // tokens between two pauses, so that the page stays responsive
const NUM_PREDICTED = 5;

export class Reading {
  constructor(engine) {
    this.engine = engine;
    this.ids = [];
    this.steps = [];
    this.words = [];
    this.turn = 0;
    const alike = new Map(); // tokens that differ only in spaces are one word, as in suggestions
    engine.tokenizer.pieces.forEach((piece, id) => {
      const word = piece.replace(/^ +| +$/g, "") || piece;
      alike.set(word, [...(alike.get(word) ?? []), id]);
    });
    this.alike = [...alike.values()];
  }

  /** Read a text; what the last text began with is not read again. Return false if a newer text came meanwhile. */
  async read(text, limit) {
    this.turn += 1;
    const mine = this.turn;
    const { engine } = this;
    const ids = [...engine.tokenizer.encodePrompt(text)].slice(0, limit);
    let same = 0;
    while (same < ids.length && ids[same] === this.ids[same]) same += 1;
    this.first ??= this.stepOn(engine.endId, engine.start());
    const steps = this.steps.slice(0, same);
    for (let place = same; place < ids.length; place += 1) {
      steps.push(this.stepOn(ids[place], (steps.at(-1) ?? this.first).state));
      if (place % PIECE === PIECE - 1) await new Promise((resolve) => setTimeout(resolve));
      if (mine !== this.turn) return false;
    }
    this.ids = ids;
    this.steps = steps;
    const written = writtenTokens(engine.tokenizer, text);
    this.words = ids.map((id, place) => written[place]?.trim() || this.wordOf(id));
    return true;
  }

  get length() {
    return this.ids.length;
  }

  wordOf(id) {
    return id === this.engine.endId ? "¶" : this.engine.tokenizer.pieces[id].trim() || "␣";
  }

  get numLayers() {
    return this.first.trace.layers.length;
  }

  sizeOf(layer) {
    return this.first.trace.layers[layer].hidden.length;
  }

  get gates() {
    return Object.keys(this.first.trace.layers[0]);
  }

  /** Return the values of a gate of one cell after each token. */
  course(layer, gate, cell) {
    return this.steps.map((step) => step.trace.layers[layer][gate][cell]);
  }

  /** Return all values of one cell after a token; place -1 is the beginning of the text. */
  valuesAt(place, layer, cell) {
    const { layers } = (place < 0 ? this.first : this.steps[place]).trace;
    return Object.fromEntries(Object.entries(layers[layer]).map(([gate, values]) => [gate, values[cell]]));
  }

  /** Return what a cell remembers: its value, or its output if the kind of cell has no other memory. */
  get memory() {
    return this.gates.includes("cell") ? "cell" : "hidden";
  }

  /** Return cells in order: by mean size ("active"), or by mean change from word to word ("changing"). */
  ranked(layer, order) {
    const memory = this.memory;
    const size = this.sizeOf(layer);
    const totals = new Float64Array(size);
    this.steps.forEach((step, place) => {
      const now = step.trace.layers[layer][memory];
      const before = (place ? this.steps[place - 1] : this.first).trace.layers[layer][memory];
      for (let cell = 0; cell < size; cell += 1) totals[cell] += Math.abs(order === "changing" ? now[cell] - before[cell] : now[cell]);
    });
    return [...totals.keys()].sort((a, b) => totals[b] - totals[a]);
  }

  stepOn(id, state) {
    const { logProbs, state: after, trace } = this.engine.step(id, state, { trace: true });
    return { state: after, trace, predicted: this.predicted(logProbs) };
  }

  /** Return the most probable words, each with the most probable of its tokens. */
  predicted(logProbs) {
    const probabilities = Float64Array.from(this.alike, (ids) => ids.reduce((sum, id) => sum + Math.exp(logProbs[id]), 0));
    return topK(probabilities, NUM_PREDICTED).map((place) => {
      const id = this.alike[place].reduce((best, each) => (logProbs[each] > logProbs[best] ? each : best));
      return { id, text: this.wordOf(id), probability: probabilities[place] };
    });
  }
}

/** Return the tokens as they are written, unknown words too. */
function writtenTokens(tokenizer, text) {
  return tokenizer.tokens(text).map(({ start, end }) => text.slice(start, end));
}
