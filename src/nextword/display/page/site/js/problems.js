// Problems shown in words, with what to do; and the question for an API key.

import { button, element, fill, labelled } from "./dom.js";
import { remember } from "./memory.js";
import { isAbort } from "./model_error.js";

export class Problems {
  constructor() {
    this.node = element("div", { class: "problem", role: "alert", hidden: true });
    this.key = element("input", { type: "password", autocomplete: "off", required: true });
    this.refusal = element("p", { role: "alert", hidden: true }, "The service rejected this key. Enter another one.");
    this.dialog = this.keyDialog();
  }

  /** Show an error. After a 401 the page asks for a key.
   *
   * @param retry what to do again after the repair, if anything
   */
  show(error, retry = null) {
    if (isAbort(error)) return;
    if (error.status === 401) {
      this.retry = retry;
      this.refusal.hidden = !this.isTried;
      if (this.isDeclined) this.offerKey();
      else this.askKey();
      return;
    }
    this.say(error.message, error.advice ?? "Reload the page; if it fails again, report it.", retry ? button("Try again", retry) : null);
  }

  say(message, advice, action = null) {
    const parts = message.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
    fill(this.node, element("div", {}, element("strong", {}, parts), " ", advice), action, button("×", () => this.clear(), { class: "dismiss", "aria-label": "Close this message" }));
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
    this.say("This service needs an API key.", "", button("Enter a key", () => this.askKey()));
  }

  askKey() {
    if (!this.dialog.open) this.dialog.showModal();
  }

  keyDialog() {
    const accept = (event) => {
      event.preventDefault();
      this.isTried = true;
      remember("key", this.key.value.trim(), "session");
      this.isDeclined = false;
      this.dialog.close();
      this.clear();
      if (this.retry) this.retry();
      else window.dispatchEvent(new CustomEvent("nextword-key"));
    };
    return element(
      "dialog",
      { class: "card", "aria-labelledby": "key-title", oncancel: () => this.offerKey() },
      element("h2", { id: "key-title" }, "This service needs an API key"),
      element("form", { class: "stack", onsubmit: accept }, labelled("API key", this.key, "It stays in this browser tab until you close it."), this.refusal, element("div", { class: "actions" }, element("button", { type: "submit", class: "primary" }, "Use this key"), button("Cancel", () => this.decline()))),
    );
  }
}
