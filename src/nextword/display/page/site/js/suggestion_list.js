// The list of suggestions under the caret: an ARIA listbox that the text field points into.

import { element, fill, freshId } from "./dom.js";
import { percent } from "./numbers.js";
import { shownWord } from "./probability_bars.js";

/** The key that goes with a digit, as the keyboard names it. */
export const ALT = /Mac|iP/.test(navigator.platform) ? "Option" : "Alt";

export class SuggestionList {
  /** @param onTake function of the index that was clicked */
  constructor(onTake) {
    this.node = element("ol", { class: "suggestions", role: "listbox", id: freshId("suggestions"), "aria-label": "Suggestions", hidden: true });
    this.onTake = onTake;
    this.words = [];
    this.chosen = -1;
  }

  get isOpen() {
    return !this.node.hidden;
  }

  /** Show words at a place in pixels inside the parent, which is `width` wide. */
  open(words, place) {
    this.words = words;
    this.chosen = -1;
    fill(this.node, words.map((word, index) => this.option(word, index)));
    this.node.hidden = words.length === 0;
    this.moveTo(place);
  }

  moveTo({ left, top, width }) {
    const room = Math.max(0, width - this.node.offsetWidth - 4);
    this.node.style.setProperty("left", `${Math.min(Math.max(left, 4), room)}px`);
    this.node.style.setProperty("top", `${top}px`);
  }

  close() {
    this.node.hidden = true;
    fill(this.node);
    this.chosen = -1;
  }

  /** Choose the next or previous word. */
  move(step) {
    const count = this.words.length;
    this.chosen = this.chosen < 0 ? (step > 0 ? 0 : count - 1) : (this.chosen + step + count) % count;
    [...this.node.children].forEach((option, index) => option.setAttribute("aria-selected", String(index === this.chosen)));
  }

  get chosenId() {
    return this.chosen < 0 ? null : this.node.children[this.chosen].id;
  }

  option(word, index) {
    return element(
      "li",
      {
        class: "suggestion",
        role: "option",
        id: `${this.node.id}-${index}`,
        "aria-selected": "false",
        "aria-label": `${shownWord(word.text)}, ${percent(word.probability)}`,
        onpointerdown: (event) => event.preventDefault(), // the text field keeps the focus
        onclick: () => this.onTake(index),
      },
      element("span", { class: "suggestion-key", "aria-hidden": "true" }, `${ALT}+${index + 1}`),
      element("span", { class: "suggestion-word" }, shownWord(word.text)),
      element("span", { class: "suggestion-value" }, percent(word.probability)),
    );
  }
}
