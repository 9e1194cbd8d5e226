// The tab Write: the model writes, live.

import { button, element, fill, labelled, liveRegion } from "./dom.js";
import { exampleButton } from "./example.js";
import { latestOnly } from "./latest.js";
import { isAbort } from "./model_error.js";
import { fixed } from "./numbers.js";
import { drawBars } from "./probability_bars.js";
import { reshaped } from "./reshaped.js";
import { slider } from "./slider.js";

const NUM_CANDIDATES = 20;
const NUM_SHOWN = 8;
const WORDS_OF_EXAMPLE = 8;
const LARGEST_SEED = 2 ** 31;

export class WriteTab {
  constructor(model, description, problems) {
    this.model = model;
    this.problems = problems;
    this.prompt = element("textarea", { rows: 3, maxlength: 4000, placeholder: "Begin a text, or leave it to the model …", spellcheck: "false", dir: "auto" });
    this.temperature = slider({ label: "Temperature", min: 0, max: 2, step: 0.05, value: 0.8, digits: 2, hint: "Below 1: safer words. Above 1: bolder ones. 0: always the most probable." });
    this.topP = slider({ label: "Top-p", min: 0.05, max: 1, step: 0.05, value: 0.95, digits: 2, hint: "Sample from the likeliest words that together have this probability." });
    this.length = slider({ label: "Length", min: 10, max: 400, step: 10, value: 100, digits: 0, hint: `Maximum length, in ${description.unit === "word" ? "words and punctuation marks" : `${description.unit}s`}.` });
    this.seed = element("input", { type: "number", min: 0, max: LARGEST_SEED - 1, step: 1, placeholder: "new each time" });
    this.output = element("div", { class: "written", hidden: true, dir: "auto" });
    this.status = element("p", { class: "hint", role: "status" });
    this.candidates = element("ol", { class: "answer", "aria-label": "The next word at this temperature and top-p" });
    this.spoken = liveRegion();
    this.text = "";
    this.makeButtons(description);
    this.askCandidates = latestOnly(120, (text) => model.suggest({ text, k: NUM_CANDIDATES, complete: false }), (found) => this.showCandidates(found), (error) => problems.show(error));
    this.prompt.addEventListener("input", () => this.onPrompt());
    for (const each of [this.temperature, this.topP]) each.input.addEventListener("input", () => this.drawCandidates());
    this.node = this.layout();
    this.preview("");
  }

  makeButtons(description) {
    this.write = button("Write", () => this.begin(), { class: "primary" });
    this.stop = button("Stop", () => this.controller?.abort(), { disabled: true });
    this.more = button("Continue", () => this.run(), { disabled: true });
    this.copy = button("Copy", () => this.copyText(), { disabled: true });
    this.example = exampleButton(this.model, description, this.problems, (text) => {
      this.prompt.value = text.split(/\s+/).slice(0, WORDS_OF_EXAMPLE).join(" ");
      this.begin();
    });
  }

  layout() {
    const dice = button("Pick a seed", () => (this.seed.value = String(Math.floor(Math.random() * 10000))));
    const main = element(
      "div",
      { class: "stack" },
      labelled("Prompt", this.prompt),
      element("div", { class: "actions" }, this.write, this.stop, this.more, this.copy, this.example),
      this.status,
      this.output,
      this.spoken,
    );
    const side = element(
      "section",
      { class: "card stack" },
      element("h2", {}, "How to choose each word"),
      this.temperature.node,
      this.topP.node,
      this.length.node,
      element("div", { class: "seed" }, labelled("Seed", this.seed, "The same seed and settings write the same text."), dice),
      element("h3", {}, "The next word at these settings"),
      this.candidates,
      element("p", { class: "hint" }, `Of the ${NUM_CANDIDATES} most probable words; pale ones are cut by top-p.`),
    );
    return element("div", { class: "split" }, main, side);
  }

  /** Ask again, after a key was entered. */
  again() {
    this.preview(this.prompt.value);
  }

  onPrompt() {
    this.more.disabled = true;
    this.preview(this.prompt.value);
  }

  preview(text) {
    this.candidates.parentNode?.classList.add("is-waiting");
    this.askCandidates(text);
  }

  showCandidates(found) {
    this.problems.clear();
    this.candidates.parentNode.classList.remove("is-waiting");
    this.found = found;
    this.drawCandidates();
  }

  drawCandidates() {
    if (!this.found) return;
    const words = reshaped(this.found, this.temperature.value(), this.topP.value()).slice(0, NUM_SHOWN);
    drawBars(this.candidates, words, { mark: ({ isCut }) => (isCut ? "other" : null), scale: 1 });
  }

  begin() {
    this.text = "";
    fill(this.output, element("span", { class: "prompt" }, this.prompt.value));
    return this.run();
  }

  async run() {
    this.controller = new AbortController();
    const fresh = element("span", { class: "fresh" });
    this.output.append(fresh);
    this.setRunning(true);
    this.status.textContent = "Reading the prompt …";
    let began = 0;
    let pieces = 0;
    const onText = (piece) => {
      began ||= performance.now();
      pieces += 1;
      this.text += piece;
      fresh.append(piece);
      this.status.textContent = `Writing … ${fixed((1000 * pieces) / Math.max(1, performance.now() - began), 0)} words a second`;
    };
    try {
      const { ending } = await this.model.generate({ ...this.settings(), signal: this.controller.signal, onText });
      this.ended(ending === "length" ? "Stopped at the maximum length." : "The text has ended.");
    } catch (error) {
      if (isAbort(error)) this.ended("Stopped.");
      else {
        this.status.textContent = "";
        this.problems.show(error);
      }
    } finally {
      this.setRunning(false);
    }
  }

  settings() {
    const seed = this.seed.value === "" ? null : Math.min(LARGEST_SEED - 1, Math.max(0, Math.floor(Number(this.seed.value))));
    return {
      prompt: this.prompt.value + this.text,
      maxTokens: this.length.value(),
      temperature: this.temperature.value(),
      topP: this.topP.value(),
      seed,
    };
  }

  ended(how) {
    this.problems.clear();
    this.status.textContent = how;
    this.spoken.textContent = this.text.slice(-600);
    this.preview(this.prompt.value + this.text);
  }

  setRunning(isRunning) {
    this.output.hidden = false;
    this.output.setAttribute("aria-busy", String(isRunning));
    this.output.classList.toggle("is-running", isRunning);
    this.write.disabled = isRunning;
    this.stop.disabled = !isRunning;
    this.more.disabled = isRunning;
    this.copy.disabled = isRunning || this.text === "";
    if (isRunning) this.stop.focus();
    else if (document.activeElement === document.body || document.activeElement === this.stop) this.more.focus();
  }

  async copyText() {
    try {
      await navigator.clipboard.writeText(this.prompt.value + this.text);
      this.status.textContent = "Copied.";
    } catch {
      this.status.textContent = "The browser did not allow it. Select the text and copy it.";
    }
  }
}
