// The list of suggestions under the caret: an ARIA listbox that the text field points into.

import { percent } from "../model/numbers.js";
import { element, fill, freshId } from "./dom.js";
import { shownWord } from "./probability_bars.js";

/** The key that goes with a digit, as the keyboard names it. */
export const ALT = /Mac|iP/.test(navigator.platform) ? "Option" : "Alt";

export class SuggestionList {
  /** @param onTake function of the index that was clicked @param onForget function of an index */
  constructor(onTake, onForget) {
    const attributes = { role: "listbox", "aria-label": "Suggestions", hidden: true };
    this.node = element("ol.suggestions", { id: freshId("suggestions"), ...attributes });
    this.onTake = onTake;
    this.onForget = onForget;
    this.words = [];
    this.chosen = -1;
  }

  get isOpen() {
    return !this.node.hidden;
  }

  /** Show words at a point in pixels inside the parent, which is `width` wide. */
  open(words, point) {
    this.words = words;
    this.chosen = -1;
    const options = words.map((word, index) => this.option(word, index));
    fill(this.node, options);
    this.node.hidden = words.length === 0;
    this.moveTo(point);
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
    [...this.node.children].forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === this.chosen));
    });
  }

  get chosenId() {
    return this.chosen < 0 ? null : this.node.children[this.chosen].id;
  }

  option(word, index) {
    const [text, share] = [shownWord(word.text), percent(word.probability)];
    const attributes = { role: "option", "aria-selected": "false", "aria-label": `${text}, ${share}` };
    const forget = (event) => {
      event.stopPropagation();
      this.onForget(index);
    };
    const option = element(
      "li.suggestion",
      { id: `${this.node.id}-${index}`, ...attributes, onclick: () => this.onTake(index) },
      element("span.suggestion-key", { "aria-hidden": "true" }, `${ALT}+${index + 1}`),
      element("span.suggestion-word", text),
      element("span.suggestion-value", share),
      element("span.suggestion-forget", { "aria-hidden": "true", title: "Never suggest", onclick: forget }, "×"),
    );
    option.addEventListener("pointerdown", (event) => event.preventDefault()); // the text field keeps the focus
    return option;
  }
}
