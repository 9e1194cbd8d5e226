// Which earlier words the prediction depends on: the words of the text, shaded by their influence.

import { fixed } from "../model/numbers.js";
import { element, fill, hint } from "./dom.js";

const NOTE =
  "How much the log-probability of the predicted word falls without each earlier word. Blue words help it, orange ones hinder it.";
const NUM_NAMED = 3;

export class InfluenceStrip {
  /** @param {(index: number) => void} onIndex gets the index of a word that was clicked */
  constructor(onIndex) {
    this.onIndex = onIndex;
    this.words = [];
    this.strip = element("p.strip");
    this.node = element("div.stack", this.strip, hint(NOTE));
  }

  /** Draw the words, those after the current one pale. */
  show(words, current) {
    this.words = words.map((word, index) => {
      const kind = index === current ? ".is-current" : index > current ? ".is-later" : "";
      return element(`span.word${kind}`, { onclick: () => this.onIndex(index) }, word);
    });
    const spaced = this.words.flatMap((word) => [word, " "]);
    fill(this.strip, spaced);
  }

  /** Shade the words by their influence, one number each. Return those with the most. */
  shade(influence) {
    const known = [...influence.keys()].filter((index) => this.words[index] && Number.isFinite(influence[index]));
    const reach = Math.max(1e-12, ...known.map((index) => Math.abs(influence[index])));
    for (const index of known) {
      const [word, value] = [this.words[index], influence[index]];
      const strength = Math.sqrt(Math.abs(value) / reach);
      word.style.setProperty("--strength", `${(100 * strength).toFixed(1)}%`);
      word.style.setProperty("--underline", `${(4 * strength).toFixed(2)}px`);
      word.classList.add("is-shaded");
      word.classList.toggle("is-negative", value < 0);
      word.title = `${fixed(value, 2)} nats`;
    }
    const order = known.sort((a, b) => Math.abs(influence[b]) - Math.abs(influence[a]));
    return order.slice(0, NUM_NAMED).map((index) => this.words[index].textContent);
  }
}
