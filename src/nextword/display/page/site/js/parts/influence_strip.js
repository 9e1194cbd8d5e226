// Which earlier words the prediction depends on: the words of the text, shaded by their influence.

import { fixed } from "../model/numbers.js";
import { element, fill, hint } from "./dom.js";

const METHODS = {
  gradient: {
    label: "Gradient",
    note: "Gradient: how fast the network's log-probability of the predicted word changes with each earlier word vector.",
  },
  "leave-one-out": {
    label: "Left out",
    note: "Left out: how much the log-probability of the predicted word falls without each earlier word. Blue words help it, orange ones hinder it.",
  },
};
const NUM_NAMED = 3;

export class InfluenceStrip {
  /**
   * @param {(index: number) => void} onIndex gets the index of a word that was clicked
   * @param {() => void} onMethod called after another method was chosen
   */
  constructor(onIndex, onMethod) {
    this.onIndex = onIndex;
    this.onMethod = onMethod;
    this.method = "gradient";
    this.words = [];
    this.strip = element("p.strip");
    this.hint = hint(METHODS.gradient.note);
    const legend = element("legend.unseen", "Method");
    const choices = Object.entries(METHODS).map(([method, { label }]) => this.choice(method, label));
    this.node = element("div.stack", element("fieldset.choices", legend, choices), this.strip, this.hint);
  }

  choice(method, label) {
    const onchange = () => {
      this.method = method;
      this.hint.textContent = METHODS[method].note;
      this.onMethod();
    };
    const isChosen = method === this.method;
    const radio = element("input", { type: "radio", name: "influence", value: method, checked: isChosen, onchange });
    return element("label.choice", radio, ` ${label}`);
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
      const strength = Math.abs(value) / reach;
      word.style.setProperty("--strength", `${(100 * strength).toFixed(1)}%`);
      word.style.setProperty("--underline", `${(4 * strength).toFixed(2)}px`);
      word.classList.add("is-shaded");
      word.classList.toggle("is-negative", value < 0);
      word.title = this.method === "gradient" ? `gradient ${fixed(value, 3)}` : `${fixed(value, 2)} nats`;
    }
    const order = known.sort((a, b) => Math.abs(influence[b]) - Math.abs(influence[a]));
    return order.slice(0, NUM_NAMED).map((index) => this.words[index].textContent);
  }
}
