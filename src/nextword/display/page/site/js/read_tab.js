// The tab Read: a text coloured by surprisal, two sentences compared, and the game.

import { ComparePanel } from "./compare_panel.js";
import { element, fill, labelled, liveRegion } from "./dom.js";
import { beginningOf, exampleButton } from "./example.js";
import { GamePanel } from "./game_panel.js";
import { latestOnly } from "./latest.js";
import { bitsOf, fixed, percent, plural } from "./numbers.js";
import { ScoredText } from "./scored_text.js";
import { surprisalLegend } from "./surprisal.js";
import { fact, WordDetails } from "./word_details.js";

const TEXT_PAUSE = 300; // milliseconds
const LONGEST_TEXT = 100000; // characters
const LONGEST_EXAMPLE = 800; // characters

export class ReadTab {
  constructor(model, description, problems) {
    this.model = model;
    this.problems = problems;
    this.input = element("textarea", { rows: 5, maxlength: LONGEST_TEXT, placeholder: "Paste or write a text …", spellcheck: "false", dir: "auto" });
    this.details = new WordDetails();
    this.scored = new ScoredText({ label: "Your text, word by word", onShow: (token, written) => this.details.show(token, written) });
    this.figures = element("dl", { class: "figures answer" });
    this.meaning = element("p", { class: "hint answer" });
    this.status = element("p", { class: "hint" });
    this.spoken = liveRegion();
    this.result = element("div", { class: "stack", hidden: true }, this.figures, this.meaning, this.scored.node, surprisalLegend());
    this.ask = latestOnly(TEXT_PAUSE, (text, options) => (text.trim() ? model.score(text, options) : null), (answer, text) => this.show(answer, text), (error) => this.fail(error));
    this.input.addEventListener("input", () => this.again());
    this.node = this.layout(description);
  }

  layout(description) {
    const example = exampleButton(this.model, description, this.problems, (text) => {
      this.input.value = beginningOf(text, LONGEST_EXAMPLE);
      this.again();
    });
    const own = element("div", { class: "stack" }, labelled("Your text", this.input), element("div", { class: "actions" }, example, this.status), this.result, this.spoken);
    return element(
      "div",
      { class: "stack wide-gap" },
      element("div", { class: "split" }, own, this.details.node),
      new ComparePanel(this.model, this.problems).node,
      new GamePanel(this.model, description, this.problems).node,
    );
  }

  /** Ask about the text as it is now; the answer to an earlier one is no longer wanted. */
  again() {
    const { value } = this.input;
    this.controller?.abort();
    this.controller = new AbortController();
    this.details.reset();
    this.wait(value.trim() ? "Reading …" : "");
    let next = 50;
    const onProgress = (tokens, count) => {
      this.status.textContent = `Reading … ${Math.floor((100 * tokens.length) / count)}%`;
      if (tokens.length < next) return;
      next *= 2; // so all drawing takes as long as twice the last one
      this.draw(value, tokens);
    };
    this.ask(value, { signal: this.controller.signal, onProgress });
  }

  /** Say that a text is being read; the numbers of the last one are pale meanwhile. */
  wait(message) {
    this.status.textContent = message;
    this.result.classList.toggle("is-waiting", message !== "");
  }

  fail(error) {
    this.wait("");
    this.result.hidden = true;
    this.problems.show(error);
  }

  show(answer, text) {
    this.problems.clear();
    this.wait("");
    this.result.hidden = answer === null;
    if (answer === null) return;
    const perplexity = this.draw(text, answer.tokens);
    this.spoken.textContent = `Perplexity ${fixed(perplexity, 1)} over ${plural(answer.tokens.length, "token")}.`;
  }

  /** Draw a text and the numbers of its tokens so far. Return the perplexity. */
  draw(text, tokens) {
    this.result.hidden = false;
    this.result.classList.remove("is-waiting");
    const first = tokens.filter((token) => token.rank === 1).length;
    const unknown = tokens.filter((token) => token.isUnknown).length;
    const bits = tokens.reduce((sum, token) => sum + bitsOf(token.logProb), 0) / tokens.length;
    const perplexity = 2 ** bits;
    fill(this.figures, fact("Perplexity", fixed(perplexity, 1)), fact("Bits per token", fixed(bits, 2)), fact("First choice right", percent(first / tokens.length)), fact("Tokens", String(tokens.length)));
    this.meaning.textContent = `The model was as unsure, on average, as among ${fixed(perplexity, 0)} equally likely words.${unknown ? ` Not in the vocabulary: ${plural(unknown, "word")}.` : ""}`;
    this.scored.show(text, [...tokens]);
    return perplexity;
  }
}
