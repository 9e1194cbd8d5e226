// How surprising a word is, in eight steps of color and underline.

import { bitsOf, fixed, percent } from "../model/numbers.js";
import { element } from "./dom.js";

const BOUNDS = [1, 2, 4, 6, 8, 10, 13]; // bits

/** Return the step of a surprisal, 0 for expected, 7 for astonishing. */
export function stepOf(bits) {
  return BOUNDS.filter((bound) => bits >= bound).length;
}

/** Return the legend of the colors, with a note whose first word has the look that it explains. */
export function surprisalLegend(look, note) {
  const labels = ["< 1 bit", ...BOUNDS.slice(1).map((bound, index) => `${BOUNDS[index]}–${bound}`), "> 13 bits"];
  const steps = labels.map((label, step) => {
    const title = step ? `less than ${percent(2 ** -BOUNDS[step - 1])} probable` : "more than 50% probable";
    return element("li", { title }, element(`span.swatch.s${step}`, { "aria-hidden": "true" }), label);
  });
  return element(
    "div.legend",
    element("ol.legend-steps", { "aria-label": "Colors, from expected to surprising" }, steps),
    element("p.hint", element("em", look), note),
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
