// How much a prediction depends on each earlier word: its log-probability without the word, computed exactly.

import { Turn } from "./turn.js";

const FARTHEST = 60; // words back; each one costs a reading of all words after it

/** Return by how much the log-probability of a token falls if each word is left out; NaN for words too far back.
 *
 * @param reading the text as the engine read it
 * @param place the place of the last word before the prediction
 * @param target the predicted token
 * @param isWanted function that tells whether the answer is still wanted
 */
export async function differencesWithout(reading, place, target, isWanted) {
  const { engine, ids, steps } = reading;
  const whole = engine.predict(steps[place].state)[target];
  const differences = new Array(place + 1).fill(NaN);
  const turn = new Turn();
  for (let left = place; left >= Math.max(0, place + 1 - FARTHEST); left -= 1) {
    let { state } = left ? steps[left - 1] : reading.first;
    for (let next = left + 1; next <= place; next += 1) {
      state = engine.read(ids[next], state);
      await turn.end();
      if (!isWanted()) return differences;
    }
    differences[left] = whole - engine.predict(state)[target];
  }
  return differences;
}
