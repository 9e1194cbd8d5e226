// Words with their probabilities as bars.

import { percent } from "../model/numbers.js";
import { element, fill } from "./dom.js";

/** Draw words with bars into a list.
 *
 * @template {Word} W
 * @param {HTMLOListElement} list
 * @param {W[]} words
 * @param {{ mark?: (word: W) => string, scale?: number }} options `mark`: "other" or "actual"; `scale`: a full bar
 */
export function drawBars(list, words, { mark = () => "", scale = highest(words) } = {}) {
  list.classList.add("bars");
  const rows = words.map((word) => {
    const kind = mark(word) ? `.is-${mark(word)}` : "";
    const [name, value] = [element("span.bar-word", shownWord(word.text)), percent(word.probability)];
    return element(`li.bar-row${kind}`, name, bar(word.probability / scale), element("span.bar-value", value));
  });
  fill(list, rows);
}

/** Return the probability of the most probable word, or a tiny one. */
export function highest(words) {
  return Math.max(...words.map((word) => word.probability), 1e-9);
}

/** Return a bar that is filled up to a share. */
export function bar(share) {
  const filled = element("span.bar", { "--share": `${(100 * Math.min(1, share)).toFixed(2)}%` });
  return element("span.bar-track", { "aria-hidden": "true" }, filled);
}

/** Return a word so that ends of lines and lone spaces are visible. */
export function shownWord(text) {
  if (text === "<eos>" || text === "\n") return "¶ end";
  if (text === "<unk>") return "(unknown word)";
  return text.trim() === "" ? "␣" : text;
}
