// Sampling of the next token from log-probabilities, as `nextword.inference.generation.sampling` does it.

import { argmax } from "./engine.js";

/** Returns the distribution (V) of the next token: without forbidden tokens, with temperature, cut by top-p. */
export function filtered(logProbs, { temperature = 1, topP = 1, forbidden = [] } = {}) {
  const allowed = Float64Array.from(logProbs);
  for (const id of forbidden) {
    allowed[id] = -Infinity;
  }
  let left = normalized(allowed);
  if (temperature === 0) {
    return only(left, [argmax(left)]);
  }
  if (temperature !== 1) {
    const most = highest(left);
    left = normalized(left.map((value) => (value - most) / temperature));
  }
  return topP < 1 ? keepTopP(left, topP) : left;
}

/** Returns a token for a random number of at least 0 and below 1. */
export function sample(logProbs, random) {
  const cumulative = cumulated(normalized(logProbs));
  const total = cumulative.at(-1);
  let [low, high] = [0, cumulative.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle] / total <= random) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** Returns the places of the `k` largest positive values, largest first; of equal ones the first comes first. */
export function topK(values, k) {
  const best = [];
  for (let place = 0; place < values.length; place++) {
    const value = values[place];
    if (value > 0 && (best.length < k || value > values[best.at(-1)])) {
      let at = best.length;
      while (at > 0 && values[best[at - 1]] < value) {
        at -= 1;
      }
      best.splice(at, 0, place);
      best.length = Math.min(best.length, k);
    }
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
  for (const id of kept) {
    left[id] = logProbs[id];
  }
  return normalized(left);
}

function normalized(logProbs) {
  const most = highest(logProbs);
  if (!Number.isFinite(most)) {
    throw new RangeError("At least one token must be possible, but none is.");
  }
  let sum = 0;
  for (const value of logProbs) {
    sum += Math.exp(value - most);
  }
  const logSum = Math.log(sum);
  return logProbs.map((value) => value - most - logSum);
}

function highest(values) {
  return values.reduce((most, value) => Math.max(most, value), -Infinity);
}

function cumulated(logProbs) {
  let sum = 0;
  return logProbs.map((value) => (sum += Math.exp(value)));
}
