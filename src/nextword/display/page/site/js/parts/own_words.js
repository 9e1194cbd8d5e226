// The person's own words: learned outside the vocabulary, shown as chips that can be forgotten.

import { button, element, fill, hint } from "./dom.js";

export class OwnWords {
  /** @param onForget async function of a word */
  constructor(onForget) {
    this.list = element("ul.chips", { "aria-label": "Your own words" });
    this.empty = hint("None yet. Type a name that the model does not know, and a space: it is suggested from then on.");
    this.node = element("div", this.empty, this.list);
    this.onForget = onForget;
  }

  show(words) {
    this.empty.hidden = words.length > 0;
    this.list.hidden = words.length === 0;
    const chips = words.map((word) => element("li.chip", word, this.forgetButton(word)));
    fill(this.list, chips);
  }

  forgetButton(word) {
    const forget = async () => {
      const index = [...this.list.querySelectorAll("button")].indexOf(made);
      await this.onForget(word);
      const rest = this.list.querySelectorAll("button");
      rest[Math.min(index, rest.length - 1)]?.focus(); // the focus stays in the list
    };
    const names = { "aria-label": `Forget ${word}`, title: "Forget this word" };
    const made = button("×", forget, { class: "chip-remove", ...names });
    return made;
  }
}
