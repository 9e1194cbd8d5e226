// Two sentences compared: which one the model finds more probable, and where they differ.

import { latestOnly } from "../model/latest.js";
import { bitsOf, fixed, plural, times } from "../model/numbers.js";
import { card, element, labelled, textLine } from "../parts/dom.js";
import { ScoredText } from "../parts/scored_text.js";

const SENTENCE_PAUSE = 300; // milliseconds
const MAX_SENTENCE = 1000; // characters
const NOTHING_TO_COMPARE = "Write two sentences that differ in a word or in their order.";

export class ComparePanel {
  /** @param {Model} model */
  constructor(model, problems) {
    this.model = model;
    this.problems = problems;
    this.sides = ["First sentence", "Second sentence"].map((label) => this.side(label));
    this.verdict = element("p.verdict.answer", { role: "status" }, NOTHING_TO_COMPARE);
    this.ask = latestOnly(SENTENCE_PAUSE, this.answers, this.show, problems.show);
    const sides = this.sides.map((side) => element("div.stack", side.field, side.scored.node, side.note));
    this.node = card("Compare two sentences", element("div.pair", sides), this.verdict);
  }

  side(label) {
    const input = textLine(MAX_SENTENCE);
    input.addEventListener("input", () => {
      this.node.classList.add("is-waiting");
      this.ask(...this.sides.map((side) => side.input.value));
    });
    const scored = new ScoredText({ label: `${label}, word by word, with bits`, showsBits: true });
    scored.node.hidden = true;
    return { input, scored, field: labelled(label, input), note: element("p.hint.answer") };
  }

  answers = (...texts) => Promise.all(texts.map((text) => (text.trim() ? this.model.score(text) : null)));

  show = (answers, ...texts) => {
    this.problems.clear();
    this.node.classList.remove("is-waiting");
    const [first, second] = answers;
    this.sides.forEach(({ scored, note }, index) => {
      const [answer, other] = [answers[index], answers[1 - index]];
      scored.node.hidden = answer === null;
      scored.node.classList.toggle("is-better", Boolean(answer && other && answer.logProb > other.logProb));
      note.textContent = answer === null ? "" : sideNote(answer);
      if (answer) scored.show(texts[index], answer.tokens);
    });
    this.verdict.textContent = first && second ? verdictOn(first, second) : NOTHING_TO_COMPARE;
  };
}

function sideNote({ logProb, tokens }) {
  const bits = bitsOf(logProb);
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
