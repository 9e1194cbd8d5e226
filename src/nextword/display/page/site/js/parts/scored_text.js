// A scored text: each token colored by its surprisal. One tab stop; arrow keys go from word to word.

import { bitsOf, fixed } from "../model/numbers.js";
import { element, fill } from "./dom.js";
import { shownWord } from "./probability_bars.js";
import { stepOf } from "./surprisal.js";

export class ScoredText {
  /** `label` names the text for screen readers, `onShow` gets the token that has the focus or the pointer, and what is
   * written there. With `showsBits`, the bits are under each word.
   */
  constructor({ label, onShow = (_token, _written) => {}, showsBits = false }) {
    const attributes = { role: "listbox", "aria-label": label, "aria-orientation": "horizontal", dir: "auto" };
    this.node = element(showsBits ? "div.scored.has-bits" : "div.scored", attributes);
    this.onShow = onShow;
    this.showsBits = showsBits;
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
    let end = 0;
    const parts = tokens.flatMap((token, index) => {
      const between = text.slice(end, token.start);
      end = Math.max(end, token.end);
      return [between, this.option(text, token, index)];
    });
    fill(this.node, parts, text.slice(end));
  }

  option(text, token, index) {
    const written = text.slice(token.start, token.end);
    const bits = bitsOf(token.logProb);
    const isEnd = token.start === token.end;
    const word = isEnd ? "end of the line" : shownWord(written);
    const name = `${word}, ${fixed(bits, 1)} bits, ${token.isUnknown ? "not in the vocabulary" : `rank ${token.rank}`}`;
    const kinds = Object.entries({ "is-end": isEnd, "is-unknown": token.isUnknown });
    const classes = ["token", `s${stepOf(bits)}`, ...kinds.filter(([, has]) => has).map(([kind]) => kind)];
    const data = { "data-index": index, "data-bits": this.showsBits ? fixed(bits, 1) : null };
    const attributes = { role: "option", tabindex: index === 0 ? 0 : -1, "aria-label": name, "aria-selected": "false" };
    return element(`span.${classes.join(".")}`, { ...attributes, ...data }, isEnd ? "¶" : written);
  }

  /** Follow the pointer, but not if the page moves under a resting one. */
  onPointer(event) {
    const point = `${event.screenX} ${event.screenY}`;
    if (point !== this.point) this.activate(event.target);
    this.point = point;
  }

  onKey(event) {
    const options = [...this.node.querySelectorAll("span")];
    const index = options.indexOf(event.target);
    const last = options.length - 1;
    const right = getComputedStyle(this.node).direction === "rtl" ? -1 : 1;
    const moves = {
      ArrowRight: () => Math.min(Math.max(index + right, 0), last),
      ArrowLeft: () => Math.min(Math.max(index - right, 0), last),
      ArrowDown: () => indexInRow(options, index, 1),
      ArrowUp: () => indexInRow(options, index, -1),
      Home: () => 0,
      End: () => last,
    };
    if (index < 0 || !(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    options[moves[event.key]()].focus();
  }

  activate(target) {
    const option = target.closest("[role=option]");
    if (!option || option === this.active) return;
    this.active?.setAttribute("aria-selected", "false");
    for (const stop of this.node.querySelectorAll("span[tabindex='0']")) stop.setAttribute("tabindex", "-1");
    this.active = option;
    option.setAttribute("aria-selected", "true");
    option.tabIndex = 0;
    this.onShow(this.tokens[Number(option.dataset.index)], option.textContent);
  }
}

/** Return the index of the nearest word in the row above (`step` -1) or below (`step` 1). */
function indexInRow(options, index, step) {
  const boxOf = (at) => options[at].getClientRects()[0];
  const middleOf = (box) => (box.left + box.right) / 2;
  const from = boxOf(index);
  let row = Number.NaN;
  let best = { index, distance: Number.POSITIVE_INFINITY };
  for (let next = index + step; next >= 0 && next < options.length; next += step) {
    const box = boxOf(next);
    if (Math.abs(box.top - from.top) < from.height / 2) continue;
    row ||= box.top;
    if (Math.abs(box.top - row) > from.height / 2) break;
    const distance = Math.abs(middleOf(box) - middleOf(from));
    if (distance < best.distance) best = { index: next, distance };
  }
  return best.index;
}
