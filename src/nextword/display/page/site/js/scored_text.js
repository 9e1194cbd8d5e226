// A scored text: each token coloured by its surprisal. One tab stop; arrow keys go from word to word.

import { element, fill } from "./dom.js";
import { bitsOf, fixed } from "./numbers.js";
import { shownWord } from "./probability_bars.js";
import { stepOf } from "./surprisal.js";

export class ScoredText {
  /**
   * @param label name of the text for screen readers
   * @param onShow function of the token that has the focus or the pointer
   * @param showBits whether the bits stand under each word
   */
  constructor({ label, onShow = () => {}, showBits = false }) {
    this.node = element("div", { class: `scored${showBits ? " has-bits" : ""}`, role: "listbox", "aria-label": label, "aria-orientation": "horizontal", dir: "auto" });
    this.onShow = onShow;
    this.showBits = showBits;
    this.tokens = [];
    this.node.addEventListener("keydown", (event) => this.onKey(event));
    this.node.addEventListener("focusin", (event) => this.activate(event.target));
    this.node.addEventListener("pointerover", (event) => this.onPointer(event));
    this.node.addEventListener("click", (event) => this.activate(event.target));
  }

  /** Draw the tokens of `model.score(text)`. */
  show(text, tokens) {
    this.tokens = tokens;
    this.active = null;
    let place = 0;
    const parts = [];
    tokens.forEach((token, index) => {
      if (token.start > place) parts.push(text.slice(place, token.start));
      parts.push(this.option(text, token, index));
      place = Math.max(place, token.end);
    });
    fill(this.node, parts, text.slice(place));
  }

  option(text, token, index) {
    const written = text.slice(token.start, token.end);
    const bits = bitsOf(token.logProb);
    const isEnd = token.start === token.end;
    const shown = isEnd ? "¶" : written;
    const word = isEnd ? "end of the line" : shownWord(written);
    const name = `${word}, ${fixed(bits, 1)} bits, ${token.isUnknown ? "not in the vocabulary" : `rank ${token.rank}`}`;
    return element(
      "span",
      {
        class: `token s${stepOf(bits)}${isEnd ? " is-end" : ""}${token.isUnknown ? " is-unknown" : ""}`,
        role: "option",
        tabindex: index === 0 ? 0 : -1,
        "aria-label": name,
        "aria-selected": "false",
        "data-index": index,
        "data-bits": this.showBits ? fixed(bits, 1) : null,
      },
      shown,
    );
  }

  /** Follow the pointer, but not if the page moves under a resting one. */
  onPointer(event) {
    const place = `${event.screenX} ${event.screenY}`;
    if (place !== this.pointerPlace) this.activate(event.target);
    this.pointerPlace = place;
  }

  onKey(event) {
    const options = [...this.node.querySelectorAll("[role=option]")];
    const at = options.indexOf(document.activeElement);
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: options.length - 1 };
    const to = steps[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    options[Math.min(Math.max(to, 0), options.length - 1)].focus();
  }

  activate(target) {
    const option = target.closest?.("[role=option]");
    if (!option || option === this.active) return;
    if (this.active) {
      this.active.setAttribute("aria-selected", "false");
      this.active.tabIndex = -1;
    }
    const first = this.node.querySelector("[tabindex='0']");
    if (first) first.tabIndex = -1;
    this.active = option;
    option.setAttribute("aria-selected", "true");
    option.tabIndex = 0;
    this.onShow(this.tokens[Number(option.dataset.index)], option.textContent);
  }
}
