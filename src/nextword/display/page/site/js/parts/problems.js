// Problems shown in words, with what to do.

import { isAbort } from "../model/latest.js";
import { button, element, fill, marked } from "./dom.js";

const ADVICE = "Reload the page; if it fails again, report it.";

export class Problems {
  constructor() {
    this.node = element("div.problem", { role: "alert", hidden: true });
  }

  /** Show an error, with a button that does `retry` again if that is given. */
  show = (error, retry = /** @type {(() => void) | null} */ (null)) => {
    if (isAbort(error)) return;
    this.say(error.message, ADVICE, retry && button("Try again", retry));
  };

  /** @param {HTMLElement | null} action */
  say(message, advice, action = null) {
    const text = element("div", element("strong", marked(message, "code")), " ", advice);
    const close = button("×", () => this.clear(), { class: "dismiss", "aria-label": "Close this message" });
    fill(this.node, text, action, close);
    this.node.hidden = false;
  }

  clear() {
    this.node.hidden = true;
  }
}
