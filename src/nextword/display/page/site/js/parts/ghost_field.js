// A text area with pale text after the caret. A mirror behind it has the same text, so it knows where the caret is.

import { cutNote, element, fill, freshId, textArea } from "./dom.js";

const MAX_CHARACTERS = 20000;

export class GhostField {
  constructor({ label, placeholder, rows }) {
    this.mark = element("span.caret-mark");
    this.mirror = element("div.field-mirror", { dir: "auto", "aria-hidden": "true" });
    this.input = textArea(rows, MAX_CHARACTERS, placeholder);
    Object.assign(this.input, { className: "field-input", id: freshId("text"), ariaLabel: label });
    Object.assign(this.input, { autocomplete: "off", autocapitalize: "sentences" });
    this.cut = cutNote(this.input);
    this.node = element("div.ghost-field", this.mirror, this.input);
    this.input.addEventListener("scroll", () => this.follow());
  }

  get before() {
    return this.input.value.slice(0, this.input.selectionStart);
  }

  get after() {
    return this.input.value.slice(this.input.selectionEnd);
  }

  get hasSelection() {
    return this.input.selectionStart !== this.input.selectionEnd;
  }

  follow() {
    this.mirror.scrollTop = this.input.scrollTop;
  }

  /** Show pale text after the caret, if it fits in the line and nothing but a new line follows. */
  showGhost(ghost) {
    const pale = element("span.ghost");
    fill(this.mirror, this.before, this.mark, pale, `${this.after}\u200b`);
    this.follow();
    const isAtEnd = this.after === "" || this.after.startsWith("\n");
    if (!ghost || !isAtEnd) return;
    const line = this.mark.getBoundingClientRect().top;
    pale.textContent = ghost;
    const isMoved = this.mark.getBoundingClientRect().top !== line || pale.getClientRects().length > 1;
    if (isMoved || pale.getBoundingClientRect().top > line + 4) pale.textContent = "";
  }

  /** Return where a list under the caret begins, in pixels inside `node`. */
  pointUnderCaret() {
    const field = this.node.getBoundingClientRect();
    const mark = this.mark.getBoundingClientRect();
    return { left: mark.left - field.left - 12, top: mark.bottom - field.top + 6, width: field.width };
  }

  /** Replace the text; the caret goes after `before`. The browser can undo it where it lets a page insert text. */
  replace(before, after) {
    const { input } = this;
    const whole = before + after;
    let same = 0;
    while (same < whole.length && input.value[same] === whole[same]) same += 1;
    input.focus();
    input.setSelectionRange(same, input.value.length);
    this.isReplacing = true;
    const isDone = document.execCommand("insertText", false, whole.slice(same));
    this.isReplacing = false;
    if (!isDone || input.value !== whole) input.value = whole;
    input.setSelectionRange(before.length, before.length);
  }
}
