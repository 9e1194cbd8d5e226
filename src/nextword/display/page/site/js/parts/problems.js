// Problems shown in words, with what to do; and the question for an API key.

import { remember } from "../model/memory.js";
import { isAbort } from "../model/model_error.js";
import { button, element, fill, labelled, marked } from "./dom.js";

export class Problems {
  constructor() {
    this.node = element("div.problem", { role: "alert", hidden: true });
    this.key = element("input", { type: "password", autocomplete: "off", required: true });
    this.refusal = element("p", { role: "alert", hidden: true }, "The service rejected this key. Enter another one.");
    this.dialog = this.keyDialog();
  }

  /** Show an error. After a 401 the page asks for a key. After the fix it does `retry` again, if that is given. */
  show = (error, retry = /** @type {(() => void) | null} */ (null)) => {
    if (isAbort(error)) return;
    if (error.status === 401) {
      this.retry = retry;
      this.refusal.hidden = !this.isTried;
      if (this.isDeclined) this.offerKey();
      else this.askKey();
      return;
    }
    const advice = error.advice ?? "Reload the page; if it fails again, report it.";
    this.say(error.message, advice, retry && button("Try again", retry));
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

  /** Close the question for a key; it comes again only on request. */
  decline() {
    this.dialog.close();
    this.offerKey();
  }

  offerKey() {
    this.isDeclined = true;
    const enter = button("Enter a key", () => this.askKey());
    this.say("This service needs an API key.", "", enter);
  }

  askKey() {
    if (!this.dialog.open) this.dialog.showModal();
  }

  accept = (event) => {
    event.preventDefault();
    this.isTried = true;
    remember("key", this.key.value.trim(), "session");
    this.isDeclined = false;
    this.dialog.close();
    this.clear();
    if (this.retry) this.retry();
    else window.dispatchEvent(new CustomEvent("nextword-key"));
  };

  keyDialog() {
    const use = element("button.primary", { type: "submit" }, "Use this key");
    const cancel = button("Cancel", () => this.decline());
    return element(
      "dialog.card",
      { "aria-labelledby": "key-title", oncancel: () => this.offerKey() },
      element("h2", { id: "key-title" }, "This service needs an API key"),
      element(
        "form.stack",
        { onsubmit: this.accept },
        labelled("API key", this.key, "It stays in this browser tab until you close it."),
        this.refusal,
        element("div.actions", use, cancel),
      ),
    );
  }
}
