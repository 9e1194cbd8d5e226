// Words with their probabilities as bars.

import { element, fill } from "./dom.js";
import { percent } from "./numbers.js";

/** Draw words with bars into a list.
 *
 * @param list an `ol` element
 * @param words list of { text, probability }
 * @param options `mark(word)`: "other" or "actual"; `scale`: the probability of a full bar
 */
export function drawBars(list, words, { mark = () => null, scale = null } = {}) {
  const full = scale ?? Math.max(...words.map((word) => word.probability), 1e-9);
  list.classList.add("bars");
  fill(list, words.map((word) => barRow(word, mark(word), full)));
  return list;
}

function barRow(word, marked, full) {
  return element(
    "li",
    { class: `bar-row${marked ? ` is-${marked}` : ""}` },
    element("span", { class: "bar-word" }, shownWord(word.text)),
    element("span", { class: "bar-track", "aria-hidden": "true" }, element("span", { class: "bar", "--share": share(word, full) })),
    element("span", { class: "bar-value" }, percent(word.probability)),
  );
}

const share = (word, full) => `${Math.min(100, (100 * word.probability) / full).toFixed(2)}%`;

/** Return a word so that ends of lines and lone spaces are visible. */
export function shownWord(text) {
  if (text === "<eos>" || text === "\n") return "¶ end";
  if (text === "<unk>") return "(unknown word)";
  return text.trim() === "" ? "␣" : text;
}
