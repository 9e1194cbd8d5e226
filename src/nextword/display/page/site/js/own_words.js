// The person's own words: learned outside the vocabulary, shown as chips that can be forgotten.

import { button, element, fill } from "./dom.js";

export class OwnWords {
  /** @param onForget async function of a word */
  constructor(onForget) {
    this.list = element("ul", { class: "chips", "aria-label": "Your own words" });
    this.empty = element("p", { class: "hint" }, "None yet. Type a name that the model does not know, and a space: it is suggested from then on.");
    this.node = element("div", {}, this.empty, this.list);
    this.onForget = onForget;
  }

  show(words) {
    this.empty.hidden = words.length > 0;
    this.list.hidden = words.length === 0;
    fill(this.list, words.map((word) => element("li", { class: "chip" }, word, this.forgetButton(word))));
  }

  forgetButton(word) {
    const forget = async () => {
      const place = [...this.list.querySelectorAll("button")].findIndex((each) => each.dataset.word === word);
      await this.onForget(word);
      const rest = this.list.querySelectorAll("button");
      rest[Math.min(place, rest.length - 1)]?.focus(); // the focus stays in the list
    };
    return button("×", forget, { class: "chip-remove", "aria-label": `Forget ${word}`, title: "Forget this word", "data-word": word });
  }
}
