// Two sentences compared: which one the model finds more probable, and where they differ.

import { element, fill, labelled } from "./dom.js";
import { latestOnly } from "./latest.js";
import { fixed, plural, times } from "./numbers.js";
import { ScoredText } from "./scored_text.js";

const SENTENCE_PAUSE = 300; // milliseconds

export class ComparePanel {
  constructor(model, problems) {
    this.model = model;
    this.problems = problems;
    this.sides = ["First sentence", "Second sentence"].map((label) => this.side(label));
    this.verdict = element("p", { class: "verdict answer", role: "status" }, "Write two sentences that differ in a word or in their order.");
    this.ask = latestOnly(SENTENCE_PAUSE, (...texts) => this.answers(texts), (answers, ...texts) => this.show(answers, texts), (error) => problems.show(error));
    this.node = element(
      "section",
      { class: "card" },
      element("h2", {}, "Compare two sentences"),
      element("div", { class: "pair" }, this.sides.map((side) => element("div", { class: "stack" }, side.field, side.scored.node, side.note))),
      this.verdict,
    );
  }

  side(label) {
    const input = element("input", { type: "text", maxlength: 1000, autocomplete: "off", spellcheck: "false", dir: "auto" });
    input.addEventListener("input", () => {
      this.node.classList.add("is-waiting");
      this.ask(...this.sides.map((side) => side.input.value));
    });
    const scored = new ScoredText({ label: `${label}, word by word, with bits`, showBits: true });
    scored.node.hidden = true;
    return { input, scored, field: labelled(label, input), note: element("p", { class: "hint answer" }) };
  }

  answers(texts) {
    return Promise.all(texts.map((text) => (text.trim() ? this.model.score(text) : null)));
  }

  show(answers, texts) {
    this.problems.clear();
    this.node.classList.remove("is-waiting");
    this.sides.forEach((side, index) => {
      const answer = answers[index];
      side.scored.node.hidden = answer === null;
      side.note.textContent = answer === null ? "" : sideNote(answer);
      if (answer) side.scored.show(texts[index], answer.tokens);
    });
    const [first, second] = answers;
    this.verdict.textContent = first && second ? verdictOn(first, second) : "Write two sentences that differ in a word or in their order.";
    this.sides.forEach((side, index) => {
      const other = answers[1 - index];
      const isBetter = Boolean(answers[index] && other && answers[index].logProb > other.logProb);
      side.scored.node.classList.toggle("is-better", isBetter);
    });
  }
}

function sideNote({ logProb, tokens }) {
  const bits = -logProb / Math.LN2;
  return `${fixed(bits, 1)} bits in ${plural(tokens.length, "token")}: ${fixed(bits / tokens.length, 2)} per token.`;
}

function verdictOn(first, second) {
  const difference = first.logProb - second.logProb;
  if (Math.abs(difference) < 1e-6) return "The model finds both equally probable.";
  const [winner, best, other] = difference > 0 ? ["first", first, second] : ["second", second, first];
  const whole = `The model finds the ${winner} sentence ${times(Math.exp(Math.abs(difference)))} more likely.`;
  const perWord = -best.logProb / best.tokens.length <= -other.logProb / other.tokens.length;
  return perWord ? whole : `${whole} It is shorter; per token, the other one is more probable.`;
}
