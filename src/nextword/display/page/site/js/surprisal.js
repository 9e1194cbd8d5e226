// How surprising a word is, in eight steps of colour and underline.

import { element } from "./dom.js";
import { bitsOf, fixed } from "./numbers.js";

const BOUNDS = [1, 2, 4, 6, 8, 10, 13]; // bits

/** Return the step of a surprisal, 0 for expected, 7 for astonishing. */
export function stepOf(bits) {
  return BOUNDS.filter((bound) => bits >= bound).length;
}

/** Return the legend of the colours. */
export function surprisalLegend() {
  const labels = ["< 1 bit", ...BOUNDS.slice(0, -1).map((bound, index) => `${bound}–${BOUNDS[index + 1]}`), "> 13 bits"];
  const steps = labels.map((label, step) => element("li", {}, element("span", { class: `swatch s${step}`, "aria-hidden": "true" }), label));
  return element(
    "div",
    { class: "legend" },
    element("ol", { class: "legend-steps", "aria-label": "Colors, from expected to surprising" }, steps),
    element("p", { class: "hint" }, element("em", {}, "Italics"), ": not in the vocabulary."),
  );
}

/** Return what a surprisal means, in words. */
export function surprisalInWords(logProb) {
  const bits = bitsOf(logProb);
  const odds = Math.exp(-logProb);
  if (bits < 0.15) return `${fixed(bits, 1)} bits: nearly certain`;
  const shown = odds < 10 ? fixed(odds, 1) : odds < 1e15 ? Math.round(odds).toLocaleString("en-US") : "a huge number";
  return `${fixed(bits, 1)} bits: 1 in ${shown}`;
}
