// The tab Write: the model writes, live.

import { isAbort, latestOnly } from "../model/latest.js";
import { fixed } from "../model/numbers.js";
import { reshaped } from "../model/sampling.js";
import { button, card, element, fill, hint, labelled, liveRegion, textArea } from "../parts/dom.js";
import { exampleButton } from "../parts/example.js";
import { drawBars } from "../parts/probability_bars.js";
import { slider } from "../parts/slider.js";

const NUM_CANDIDATES = 20;
const NUM_SHOWN = 8;
const CANDIDATE_PAUSE = 120; // milliseconds
const WORDS_OF_EXAMPLE = 8;
const MAX_SEED = 2 ** 31 - 1;
const MAX_SPOKEN = 600; // characters

const NOTES = {
  temperature: "Below 1: safer words. Above 1: bolder ones. 0: always the most probable.",
  topP: "Sample from the likeliest words that together have this probability.",
  seed: "The same seed and settings write the same text.",
  candidates: `Of the ${NUM_CANDIDATES} most probable words; pale ones are cut by top-p.`,
};

/** @implements {Tab} */
export class WriteTab {
  static tab = { id: "write", label: "Write", says: "The model writes, word by word." };

  /** @param {Model} model @param {Description} description */
  constructor(model, description, problems) {
    this.model = model;
    this.problems = problems;
    this.input = textArea(3, 4000, "Begin a text, or leave it to the model …");
    this.settings = this.settingsIn(
      description.unit === "word" ? "words and punctuation marks" : `${description.unit}s`,
    );
    this.output = element("div.written", { hidden: true, dir: "auto" });
    this.status = element("p.hint", { role: "status" });
    this.candidates = element("ol.answer", { "aria-label": "The next word at this temperature and top-p" });
    this.spoken = liveRegion();
    this.found = [];
    this.prompt = ""; // what the written text continues, whatever the field has now
    this.text = "";
    this.controller = new AbortController();
    this.buttons = {
      write: button("Write", () => this.begin(), { class: "primary" }),
      stop: button("Stop", () => this.controller.abort(), { disabled: true }),
      more: button("Continue", () => this.run(), { disabled: true }),
      copy: button("Copy", () => this.copyText(), { disabled: true }),
    };
    this.askCandidates = latestOnly(CANDIDATE_PAUSE, this.suggested, this.showCandidates, problems.show);
    this.input.addEventListener("input", () => this.again());
    for (const { input } of [this.settings.temperature, this.settings.topP]) {
      input.addEventListener("input", () => this.drawCandidates());
    }
    const example = exampleButton(model, description, problems, (text) => {
      if (this.buttons.write.disabled) return; // the model is writing already
      this.input.value = text.split(/\s+/).slice(0, WORDS_OF_EXAMPLE).join(" ");
      this.begin();
    });
    this.node = this.layout(example);
    this.preview("");
  }

  /** The sliders and the seed. */
  settingsIn(units) {
    const share = { min: 0.05, max: 1, step: 0.05, value: 0.95, digits: 2 };
    const bold = { min: 0, max: 2, step: 0.05, value: 0.8, digits: 2 };
    const count = { min: 10, max: 400, step: 10, value: 100 };
    return {
      temperature: slider({ label: "Temperature", ...bold, note: NOTES.temperature }),
      topP: slider({ label: "Top-p", ...share, note: NOTES.topP }),
      length: slider({ label: "Length", ...count, note: `Maximum length, in ${units}.` }),
      seed: element("input", { type: "number", min: 0, max: MAX_SEED, step: 1, placeholder: "new each time" }),
    };
  }

  layout(example) {
    const { write, stop, more, copy } = this.buttons;
    const { temperature, topP, length, seed } = this.settings;
    const actions = element("div.actions", write, stop, more, copy, example);
    return element(
      "div.split",
      element("div.stack", labelled("Prompt", this.input), actions, this.status, this.output, this.spoken),
      card(
        "How to choose each word",
        [temperature.node, topP.node, length.node],
        labelled("Seed", seed, NOTES.seed),
        element("h3", "The next word at these settings"),
        this.candidates,
        hint(NOTES.candidates),
      ),
    );
  }

  /** Ask for the words after the prompt. */
  again() {
    this.preview(this.input.value);
  }

  preview(text) {
    this.candidates.parentElement?.classList.add("is-waiting");
    this.askCandidates(text);
  }

  suggested = (text) => this.model.suggest({ text, k: NUM_CANDIDATES, complete: false });

  showCandidates = (found) => {
    this.problems.clear();
    this.candidates.parentElement?.classList.remove("is-waiting");
    this.found = found;
    this.drawCandidates();
  };

  drawCandidates() {
    const { temperature, topP } = this.settings;
    const words = this.found.length ? reshaped(this.found, temperature.value(), topP.value()).slice(0, NUM_SHOWN) : [];
    drawBars(this.candidates, words, { mark: ({ isCut }) => (isCut ? "other" : ""), scale: 1 });
  }

  begin() {
    this.prompt = this.input.value;
    this.text = "";
    fill(this.output, element("span.prompt", this.prompt));
    return this.run();
  }

  async run() {
    this.controller = new AbortController();
    const { signal } = this.controller;
    const fresh = element("span.fresh");
    this.output.append(fresh);
    this.setRunning(true);
    this.status.textContent = "Reading the prompt …";
    try {
      const { ending } = await this.model.generate({ ...this.options(), signal, onText: this.writer(fresh) });
      this.ended(ending === "length" ? "Stopped at the maximum length." : "The text has ended.");
    } catch (error) {
      this.status.textContent = "";
      if (isAbort(error)) this.ended("Stopped.");
      else this.problems.show(error);
    } finally {
      this.setRunning(false);
    }
  }

  /** Return a function that adds a piece of text to an element, and says how fast pieces come. */
  writer(fresh) {
    let began = 0;
    let pieces = 0;
    return (piece) => {
      began ||= performance.now();
      pieces += 1;
      this.text += piece;
      fresh.append(piece);
      const speed = (1000 * pieces) / Math.max(1, performance.now() - began);
      this.status.textContent = `Writing … ${fixed(speed, 0)} tokens a second`;
    };
  }

  options() {
    const { temperature, topP, length, seed } = this.settings;
    const whole = Math.min(MAX_SEED, Math.max(0, Math.floor(Number(seed.value))));
    return {
      prompt: this.prompt + this.text,
      maxTokens: length.value(),
      temperature: temperature.value(),
      topP: topP.value(),
      seed: seed.value === "" ? null : whole,
    };
  }

  ended(how) {
    this.problems.clear();
    this.status.textContent = how;
    this.spoken.textContent = this.text.slice(-MAX_SPOKEN);
    this.preview(this.prompt + this.text);
  }

  setRunning(isRunning) {
    this.output.hidden = false;
    this.output.setAttribute("aria-busy", String(isRunning));
    this.output.classList.toggle("is-running", isRunning);
    const { write, stop, more, copy } = this.buttons;
    write.disabled = isRunning;
    stop.disabled = !isRunning;
    more.disabled = isRunning;
    copy.disabled = isRunning || this.text === "";
    if (isRunning) stop.focus();
    else if (document.activeElement === document.body || document.activeElement === stop) more.focus();
  }

  async copyText() {
    try {
      await navigator.clipboard.writeText(this.prompt + this.text);
      this.status.textContent = "Copied.";
    } catch {
      this.status.textContent = "The browser did not allow it. Select the text and copy it.";
    }
  }
}
