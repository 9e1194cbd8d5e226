// The language model: token ids in, log-probabilities out, one step at a time. Weights are int8 with scales; all else
// is float32, so log-probabilities equal those of the Python engine on the same rounded weights.

import { Arithmetic } from "./arithmetic.js";
import { cellOf } from "./cells.js";

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
    this.cell = cellOf(packed.architecture);
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
    const arithmetic = new Arithmetic();
    const read = this.#read(arithmetic, this.embeddings.row(id), state);
    return { logProbs: this.#project(arithmetic, read.state.output), ...read };
  }

  /** Reads a token without predicting the next one, which takes half the time. */
  read(id, state) {
    return this.#read(new Arithmetic(), this.embeddings.row(id), state).state;
  }

  /** Returns the log-probabilities of the next token (V) after a state. */
  predict(state) {
    return this.#project(new Arithmetic(), state.output);
  }

  /**
   * Returns how much the prediction of a token depends on each token before it: `position` numbers, for `ids[0]` to
   * `ids[position - 1]`.
   *
   * The token is `target`, or else `ids[position]`, or at the end of `ids` the most probable one. A number is the length
   * of the gradient of its log-probability with respect to an embedding.
   */
  influence(ids, position, { target = ids[position] } = {}) {
    const before = ids.slice(0, position);
    const arithmetic = new Arithmetic({ records: true });
    const embeddings = [this.endId, ...before].map((id) => this.embeddings.row(id));
    let state = this.start();
    for (const embedding of embeddings) ({ state } = this.#read(arithmetic, embedding, state));
    const logProbs = this.#project(arithmetic, state.output);
    const seed = new Float32Array(logProbs.length);
    seed[target ?? argmax(logProbs)] = 1;
    return arithmetic.gradients(logProbs, seed, embeddings).slice(1).map(norm);
  }

  /** Returns the indices of the `k` states nearest to one, by the cosine of their outputs, nearest first. */
  nearest(state, others, k = 5) {
    const cosines = others.map((other, index) => ({ index, cosine: cosine(state.output, other.output) }));
    return cosines.sort((a, b) => b.cosine - a.cosine).slice(0, k);
  }

  #read(arithmetic, embedding, state) {
    let output = embedding;
    const steps = this.layers.map((weights, index) => {
      const step = this.cell.step(arithmetic, weights, output, state.layers[index]);
      [output] = step.state;
      return step;
    });
    const layers = steps.map((step) => step.state);
    if (this.architecture.skip_connections) {
      output = layers.map(([hidden]) => hidden).reduce((sum, hidden) => arithmetic.add(sum, hidden));
    }
    return { state: { layers, output }, gates: steps.map((step) => step.gates) };
  }

  #project(arithmetic, hidden) {
    const { architecture, projection } = this;
    if (architecture.adaptive_cutoffs.length) return this.#adaptive(arithmetic, hidden);
    if (architecture.mixture_size > 1) return this.#mixture(arithmetic, hidden);
    const narrowed = architecture.narrowed_output ? arithmetic.product(projection.narrowing_kernel, hidden) : hidden;
    return this.#softmax(arithmetic, narrowed);
  }

  #softmax(arithmetic, hidden) {
    const kernel = this.projection.kernel ?? this.embeddings;
    return arithmetic.logSoftmax(arithmetic.add(arithmetic.product(kernel, hidden), this.projection.bias));
  }

  #mixture(arithmetic, hidden) {
    const { prior_kernel: priorKernel, latent_kernel: latentKernel, latent_bias: latentBias } = this.projection;
    const priors = arithmetic.logSoftmax(arithmetic.product(priorKernel, hidden));
    const latents = arithmetic.tanh(arithmetic.add(arithmetic.product(latentKernel, hidden), latentBias));
    const softmaxes = arithmetic
      .split(latents, this.architecture.mixture_size)
      .map((latent, index) => arithmetic.shift(this.#softmax(arithmetic, latent), priors, index));
    return arithmetic.logSumExp(softmaxes);
  }

  #adaptive(arithmetic, hidden) {
    const { projection } = this;
    const cutoffs = this.architecture.adaptive_cutoffs;
    const logits = arithmetic.add(arithmetic.product(projection.head_kernel, hidden), projection.head_bias);
    const head = arithmetic.logSoftmax(logits);
    const tails = cutoffs.map((_, index) => {
      const narrow = arithmetic.product(projection[`tail_${index}_projection`], hidden);
      const product = arithmetic.product(projection[`tail_${index}_kernel`], narrow);
      const logProbs = arithmetic.logSoftmax(arithmetic.add(product, projection[`tail_${index}_bias`]));
      return arithmetic.shift(logProbs, head, cutoffs[0] + index);
    });
    return arithmetic.concatenate([arithmetic.part(head, 0, cutoffs[0]), ...tails]);
  }
}

/** Returns the index of the largest number; of equal ones, the first. */
export function argmax(values) {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}

function weightsUnder(packed, layer) {
  const found = Object.entries(packed.weights).filter(([name]) => name.startsWith(`${layer}/`));
  return Object.fromEntries(found.map(([name, weight]) => [name.slice(layer.length + 1), weight]));
}

/** Returns the inner product of two vectors. */
export function dot(a, b) {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += a[index] * b[index];
  return sum;
}

function norm(a) {
  return Math.sqrt(dot(a, a));
}

function cosine(a, b) {
  const product = norm(a) * norm(b);
  return product ? dot(a, b) / product : 0;
}
