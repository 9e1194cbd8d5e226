// The tab Read: a text coloured by surprisal, two sentences compared, and the game.

import { ComparePanel } from "./compare_panel.js";
import { button, element, fill, labelled, liveRegion } from "./dom.js";
import { GamePanel } from "./game_panel.js";
import { latestOnly } from "./latest.js";
import { bitsOf, fixed, percent, plural } from "./numbers.js";
import { ScoredText } from "./scored_text.js";
import { surprisalLegend } from "./surprisal.js";
import { fact, WordDetails } from "./word_details.js";

const TEXT_PAUSE = 300; // milliseconds
const LONGEST_TEXT = 20000; // characters

export class ReadTab {
  constructor(model, description, problems) {
    this.model = model;
    this.passage = description.passage;
    this.problems = problems;
    this.input = element("textarea", { rows: 5, maxlength: LONGEST_TEXT, placeholder: "Paste or write a text …", spellcheck: "false", dir: "auto" });
    this.details = new WordDetails();
    this.scored = new ScoredText({ label: "Your text, word by word", onShow: (token, written) => this.details.show(token, written) });
    this.figures = element("dl", { class: "figures" });
    this.meaning = element("p", { class: "hint" });
    this.spoken = liveRegion();
    this.result = element("div", { class: "stack", hidden: true }, this.figures, this.meaning, this.scored.node, surprisalLegend());
    this.ask = latestOnly(TEXT_PAUSE, (text) => (text.trim() ? model.score(text) : null), (answer, text) => this.show(answer, text), (error) => problems.show(error));
    this.input.addEventListener("input", () => this.ask(this.input.value));
    this.node = this.layout(description);
  }

  layout(description) {
    const example = this.passage ? button("Read a held-out passage", () => this.example()) : null;
    const own = element("div", { class: "stack" }, labelled("Your text", this.input), element("div", { class: "actions" }, example), this.result, this.spoken);
    return element(
      "div",
      { class: "stack wide-gap" },
      element("div", { class: "split" }, own, this.details.node),
      new ComparePanel(this.model, this.problems).node,
      new GamePanel(this.model, description, this.problems).node,
    );
  }

  /** Ask again, after a key was entered. */
  again() {
    this.ask(this.input.value);
  }

  example() {
    this.input.value = this.passage;
    this.ask(this.passage);
  }

  show(answer, text) {
    this.problems.clear();
    this.details.reset();
    this.result.hidden = answer === null;
    if (answer === null) return;
    const { tokens, perplexity } = answer;
    const first = tokens.filter((token) => token.rank === 1).length;
    const bits = tokens.reduce((sum, token) => sum + bitsOf(token.logProb), 0) / tokens.length;
    fill(this.figures, fact("Perplexity", fixed(perplexity, 1)), fact("Bits per token", fixed(bits, 2)), fact("First choice right", percent(first / tokens.length)), fact("Tokens", String(tokens.length)));
    this.meaning.textContent = `The model was as unsure, on average, as among ${fixed(perplexity, 0)} equally probable words.`;
    this.scored.show(text, tokens);
    this.spoken.textContent = `Perplexity ${fixed(perplexity, 1)} over ${plural(tokens.length, "token")}.`;
  }
}
