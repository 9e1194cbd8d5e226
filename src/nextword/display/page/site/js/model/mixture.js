// The model as people use it: the network mixed with n-grams and a cache, as `nextword.engine.mixture` mixes them.

import { dot } from "./arithmetic.js";
import { Engine } from "./engine.js";

const ABSENT = -1; // the number of an n-gram that is not in the model
const LEAST = 2 ** -126; // the probability of what cannot be told from zero, so that its logarithm is a number
const MAX_SHIFT = 30; // of the logarithm of a weight's odds
const NO_PAST = { recent: null, count: 0, older: null };

/** Returns the engine of a packed model. */
export function engineOf(packed, tokenizer) {
  return packed.mixture ? new MixtureEngine(packed, tokenizer) : new Engine(packed, tokenizer);
}

/**
 * An engine with the log-probabilities of the mixture.
 *
 * A state also has `numbers`, of the n-grams that end with the latest token, the shortest first, and `past`: the latest
 * outputs of the network with the token that followed each.
 */
class MixtureEngine extends Engine {
  constructor(packed, tokenizer) {
    super(packed, tokenizer);
    this.mixture = packed.mixture;
  }

  start() {
    return { ...super.start(), numbers: this.mixture.levels.map(() => ABSENT), past: null };
  }

  step(id, state) {
    const step = super.step(id, state);
    const after = this.#after(id, state, step.state);
    return { ...step, logProbs: this.#mixed(step.logProbs, after), state: after };
  }

  read(id, state) {
    return this.#after(id, state, super.read(id, state));
  }

  predict(state) {
    return this.#mixed(super.predict(state), state);
  }

  #after(id, before, after) {
    const { settings, levels } = this.mixture;
    const longer = levels.slice(0, -1).map((level, index) => numberOf(level, before.numbers[index], id));
    const hasEntry = before.past && settings.cache_weight;
    const past = hasEntry ? withEntry(before.past, before.output, id, settings.cache_size) : NO_PAST;
    return { ...after, numbers: [id, ...longer], past };
  }

  /** Returns the mixed log-probabilities after a state, from those of the network (V). */
  #mixed(logProbs, { numbers, past, output }) {
    const { settings, singles, levels } = this.mixture;
    const found = entriesOf(past, settings.cache_size).slice(settings.cache_delay);
    const { weights, mass } = cached(found, output, settings);
    const counted = (1 - mass) * gated(settings.ngram_weight, settings.gates.ngram, output);
    const mixed = new Float64Array(logProbs.length);
    const scale = levels.reduceRight((left, level, index) => addShares(mixed, level, numbers[index], left), counted);
    const share = 1 - mass - counted;
    for (let id = 0; id < mixed.length; id += 1) mixed[id] += share * Math.exp(logProbs[id]) + scale * singles[id];
    for (const [index, { token }] of found.entries()) mixed[token] += mass * weights[index];
    return logProbs.map((_, id) => Math.log(Math.max(mixed[id], LEAST)));
  }
}

/**
 * Returns the number of the n-gram of a context and a token, among the n-grams of one length.
 *
 * The n-grams of context `c` are at `starts[c]` to `starts[c + 1]`: their last `tokens`, ascending, and their `shares`.
 * The number of an n-gram is its place; a context is the number of an n-gram of the next shorter length.
 */
function numberOf({ starts, tokens }, context, token) {
  if (context === ABSENT) return ABSENT;
  const end = starts[context + 1];
  let [low, high] = [starts[context], end];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tokens[middle] < token) low = middle + 1;
    else high = middle;
  }
  return low < end && tokens[low] === token ? low : ABSENT;
}

/** Adds the shares after a context, times a scale, to probabilities (V). Returns the scale of the shorter context. */
function addShares(probabilities, { starts, tokens, shares }, context, scale) {
  if (context === ABSENT) return scale;
  let left = 1;
  for (let place = starts[context]; place < starts[context + 1]; place += 1) {
    probabilities[tokens[place]] += scale * shares[place];
    left -= shares[place];
  }
  return scale * Math.max(left, 0);
}

/** Returns a past with one more entry. Texts share entries, in linked lists; older ones than twice `size` are freed. */
function withEntry({ recent, count, older }, hidden, token, size) {
  if (count === size) return { recent: { hidden, token, previous: null }, count: 1, older: recent };
  return { recent: { hidden, token, previous: recent }, count: count + 1, older };
}

/** Returns the latest entries of a past, the newest first. */
function entriesOf({ recent, older }, size) {
  const entries = [];
  for (let entry = recent; entry; entry = entry.previous) entries.push(entry);
  for (let entry = older; entry && entries.length < size; entry = entry.previous) entries.push(entry);
  return entries;
}

/** Returns the weight of each entry in the cache, and the weight of the cache in the mixture, `mass`. */
function cached(entries, output, settings) {
  const { cache_theta: theta, cache_decay: decay, cache_delay: delay, cache_sentinel: sentinel, gates } = settings;
  const similarities = entries.map(({ hidden }, age) => theta * dot(output, hidden) - decay * (delay + age));
  const highest = similarities.reduce((high, value) => Math.max(high, value), -Infinity);
  const weights = similarities.map((value) => Math.exp(value - highest));
  const total = weights.reduce((sum, value) => sum + value, 0);
  const alone = total && settings.cache_weight / (1 + Math.exp(Math.log(sentinel) - highest - Math.log(total)));
  return { weights: weights.map((value) => value / total), mass: gated(alone, gates.cache, output) };
}

/** Returns a weight whose odds a gate, if it is not empty, raises after an output of the network. */
function gated(weight, gate, output) {
  const odds = gate.length ? Math.exp(Math.min(dot(output, gate) + gate.at(-1), MAX_SHIFT)) : 1;
  return (weight * odds) / (1 + weight * (odds - 1));
}
