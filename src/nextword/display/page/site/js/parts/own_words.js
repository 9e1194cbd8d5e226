// A list of words as chips with a button each: learned words that can be forgotten, or the reverse.

import { button, element, fill, hint } from "./dom.js";

export class OwnWords {
  /** @param onRemove async function of a word @param {{ label: string, empty: string, action: string }} texts */
  constructor(onRemove, { label, empty, action }) {
    this.list = element("ul.chips", { "aria-label": label, hidden: true });
    this.empty = hint(empty);
    this.node = element("div", this.empty, this.list);
    this.onRemove = onRemove;
    this.action = action;
  }

  show(words) {
    if (this.list.textContent === words.map((word) => `${word}×`).join("")) return; // so a button keeps the focus
    this.empty.hidden = words.length > 0;
    this.list.hidden = words.length === 0;
    const chips = words.map((word) => element("li.chip", word, this.removeButton(word)));
    fill(this.list, chips);
  }

  removeButton(word) {
    const remove = async () => {
      const index = [...this.list.querySelectorAll("button")].indexOf(made);
      await this.onRemove(word);
      const rest = this.list.querySelectorAll("button");
      rest[Math.min(index, rest.length - 1)]?.focus(); // the focus stays in the list
    };
    const names = { "aria-label": `${this.action} ${word}`, title: `${this.action} this word` };
    const made = button("×", remove, { class: "chip-remove", ...names });
    return made;
  }
}
