// Which earlier words the prediction depends on: the words of the text, shaded by their influence.

import { element, fill } from "./dom.js";
import { fixed } from "./numbers.js";

const METHODS = {
  gradient: "Gradient: how fast the log-probability of the predicted word changes with each earlier word vector.",
  "leave-one-out": "Left out: how much the log-probability of the predicted word falls without each earlier word. Blue words help it, orange ones hinder it.",
};

export class InfluenceStrip {
  /**
   * @param onPlace function of the place of a word that was clicked
   * @param onMethod function called after another method was chosen
   */
  constructor(onPlace, onMethod) {
    this.onPlace = onPlace;
    this.method = "gradient";
    this.strip = element("p", { class: "strip" });
    this.hint = element("p", { class: "hint" }, METHODS.gradient);
    const choice = (method, label) => {
      const radio = element("input", { type: "radio", name: "influence", value: method, checked: method === this.method });
      radio.addEventListener("change", () => {
        this.method = method;
        this.hint.textContent = METHODS[method];
        onMethod();
      });
      return element("label", { class: "choice" }, radio, ` ${label}`);
    };
    const choices = element("fieldset", { class: "choices" }, element("legend", { class: "unseen" }, "Method"), choice("gradient", "Gradient"), choice("leave-one-out", "Left out"));
    this.node = element("div", { class: "stack" }, choices, this.strip, this.hint);
  }

  /** Draw the words, those after the current one pale. */
  show(words, place) {
    this.words = words.map((word, index) => {
      const name = index === place ? "word is-current" : index > place ? "word is-later" : "word";
      return element("span", { class: name, onclick: () => this.onPlace(index) }, word);
    });
    fill(this.strip, this.words.flatMap((word) => [word, " "]));
  }

  /** Shade the words by their influence, one number each. */
  shade(influence) {
    const reach = Math.max(1e-12, ...influence.filter(Number.isFinite).map(Math.abs));
    influence.forEach((value, index) => {
      const word = this.words[index];
      if (!word || !Number.isFinite(value)) return;
      const strength = Math.abs(value) / reach;
      word.style.setProperty("--strength", `${(100 * strength).toFixed(1)}%`);
      word.style.setProperty("--underline", `${(4 * strength).toFixed(2)}px`);
      word.classList.add("is-shaded");
      word.classList.toggle("is-negative", value < 0);
      word.title = this.method === "gradient" ? `gradient ${fixed(value, 3)}` : `${fixed(value, 2)} nats`;
    });
    const known = [...influence.keys()].filter((index) => Number.isFinite(influence[index]));
    const order = known.sort((a, b) => Math.abs(influence[b]) - Math.abs(influence[a]));
    return order.slice(0, 3).map((index) => this.words[index]?.textContent);
  }
}
