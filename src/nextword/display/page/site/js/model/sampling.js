// Sampling of the next token from log-probabilities, as `nextword.inference.generation.sampling` does it.

/** Returns the distribution (V) of the next token: without forbidden tokens, with temperature, cut by top-p.
 *
 * @param {ArrayLike<number>} logProbs
 * @param {{ temperature?: number, topP?: number, forbidden?: number[] }} options
 */
export function filtered(logProbs, { temperature = 1, topP = 1, forbidden = [] }) {
  const allowed = Float64Array.from(logProbs);
  for (const id of forbidden) allowed[id] = -Infinity;
  const left = normalized(allowed);
  if (temperature === 0) return only(left, [left.indexOf(highest(left))]);
  const max = highest(left);
  const warmed = temperature === 1 ? left : normalized(left.map((value) => (value - max) / temperature));
  return topP < 1 ? keepTopP(warmed, topP) : warmed;
}

/** Returns the words with their probabilities at a temperature, and whether top-p cuts them: `isCut`.
 *
 * @param {Word[]} words the most probable first
 * @param {number} temperature 0 puts all on the first
 * @param {number} topP share that the kept words reach
 */
export function reshaped(words, temperature, topP) {
  const logProbs = words.map(({ probability }) => Math.log(probability));
  const warmed = filtered(logProbs, { temperature });
  const kept = filtered(warmed, { topP });
  return words.map(({ text }, index) => {
    const isCut = kept[index] === -Infinity;
    return { text, isCut, probability: Math.exp((isCut ? warmed : kept)[index]) };
  });
}

/** Returns a token for a random number of at least 0 and below 1. */
export function sample(logProbs, random) {
  let sum = 0;
  const cumulative = normalized(logProbs).map((value) => {
    sum += Math.exp(value);
    return sum;
  });
  return cumulative.findIndex((reached) => reached / sum > random);
}

/** Returns a function that gives numbers of at least 0 and below 1. Equal seeds give equal numbers.
 *
 * @param {number | null} seed
 */
export function randomNumbers(seed) {
  if (seed === null) return Math.random;
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0; // mulberry32 by Tommy Ettinger, in the public domain
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Returns the indices of the `k` largest positive values, largest first; of equal ones the first comes first. */
export function topK(values, k) {
  /** @type {number[]} */
  const best = [];
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    if (value <= 0 || (best.length >= k && value <= values[best[k - 1]])) continue;
    let rank = best.length;
    while (rank > 0 && values[best[rank - 1]] < value) rank -= 1;
    best.splice(rank, 0, index);
    best.length = Math.min(best.length, k);
  }
  return best;
}

/** Keeps the fewest most probable tokens whose probabilities sum to at least `topP`. */
function keepTopP(logProbs, topP) {
  const order = Array.from(logProbs.keys()).sort((a, b) => logProbs[b] - logProbs[a] || a - b);
  let reached = 0;
  let count = 0;
  while (count < order.length && reached < topP) {
    reached += Math.exp(logProbs[order[count]]);
    count += 1;
  }
  return only(logProbs, order.slice(0, count));
}

function only(logProbs, kept) {
  const left = new Float64Array(logProbs.length).fill(-Infinity);
  for (const id of kept) left[id] = logProbs[id];
  return normalized(left);
}

function normalized(logProbs) {
  const max = highest(logProbs);
  if (!Number.isFinite(max)) throw new RangeError("At least one token must be possible, but none is.");
  const logSum = Math.log(logProbs.reduce((sum, value) => sum + Math.exp(value - max), 0));
  return logProbs.map((value) => value - max - logSum);
}

function highest(values) {
  return values.reduce((max, value) => Math.max(max, value), -Infinity);
}
