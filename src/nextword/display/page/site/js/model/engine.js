// The language model: token ids in, log-probabilities out, one step at a time. Weights are int8 with scales; all else
// is float32, so log-probabilities equal those of the Python engine on the same rounded weights.

import { add, logSoftmax } from "./arithmetic.js";
import { CELLS } from "./cells.js";

/**
 * A model at work.
 *
 * A state is `{layers, output}`: the state arrays of each layer, and the output of the last one (H). It is never
 * changed. A text begins with `start()` and the token `<eos>`.
 */
export class Engine {
  constructor(packed, tokenizer) {
    this.architecture = packed.architecture;
    this.tokenizer = tokenizer;
    this.endId = tokenizer.endId;
    this.hiddenSizes = packed.architecture.hidden_sizes;
    this.cell = CELLS[packed.architecture.cell];
    this.embeddings = packed.weights["embedding/embeddings"];
    this.layers = this.hiddenSizes.map((_, index) => weightsUnder(packed, `${packed.architecture.cell}_${index}`));
    this.projection = weightsUnder(packed, "projection");
  }

  /** Returns the state before a text. */
  start() {
    const zeros = (size) => Array.from({ length: this.cell.numStates }, () => new Float32Array(size));
    return { layers: this.hiddenSizes.map(zeros), output: new Float32Array(this.hiddenSizes.at(-1)) };
  }

  /** Reads a token. Returns the log-probabilities of the next one (V), the state after it and the gates of each layer. */
  step(id, state) {
    const read = this.#read(id, state);
    return { logProbs: this.#project(read.state.output), ...read };
  }

  /** Reads a token without predicting the next one, which takes half the time. */
  read(id, state) {
    return this.#read(id, state).state;
  }

  /** Returns the log-probabilities of the next token (V) after a state. */
  predict(state) {
    return this.#project(state.output);
  }

  #read(id, state) {
    let output = this.embeddings.row(id);
    const steps = this.layers.map((weights, index) => {
      const step = this.cell.step(weights, output, state.layers[index], this.architecture);
      [output] = step.state;
      return step;
    });
    const layers = steps.map((step) => step.state);
    return { state: { layers, output }, gates: steps.map((step) => step.gates) };
  }

  #project(hidden) {
    const kernel = this.projection.kernel ?? this.embeddings;
    return logSoftmax(add(kernel.product(hidden), this.projection.bias));
  }
}

function weightsUnder(packed, layer) {
  const found = Object.entries(packed.weights).filter(([name]) => name.startsWith(`${layer}/`));
  return Object.fromEntries(found.map(([name, weight]) => [name.slice(layer.length + 1), weight]));
}
