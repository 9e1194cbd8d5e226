// The details of one word: its probability, its rank, and what the model expected instead.

import { counted, percent } from "../model/numbers.js";
import { element, facts, fill, hint } from "./dom.js";
import { drawBars, shownWord } from "./probability_bars.js";
import { surprisalInWords } from "./surprisal.js";

const HOW =
  "Point at a word, tap it, or go there with Tab and the arrow keys. Here you see what the model expected instead.";

export class WordDetails {
  constructor() {
    this.node = element("section.card.details", { "aria-live": "polite", "aria-label": "Details of a word" });
    this.reset();
  }

  reset() {
    fill(this.node, element("h2", "Word by word"), hint(HOW));
  }

  show = (token, written) => {
    const { text, rank, logProb, alternatives, isUnknown } = token;
    const name = token.start === token.end ? "¶ end of the line" : shownWord(written);
    const list = element("ol", { "aria-label": "What the model expected" });
    const isActual = (word) => word.isActual ?? (!isUnknown && word.text.trim() === text.trim());
    drawBars(list, alternatives, { mark: (word) => (isActual(word) ? "actual" : "") });
    const measured = { Probability: percent(Math.exp(logProb)), Surprisal: surprisalInWords(logProb) };
    const found = isUnknown
      ? { Word: "not in the vocabulary" }
      : { Rank: `${counted(rank)}${rank === 1 ? ": its first choice" : ""}` };
    const expected = alternatives.length ? list : hint("Shown for shorter texts only.");
    const heading = element("h3", "The model expected");
    fill(this.node, element("h2.details-word", name), facts("facts", { ...measured, ...found }), heading, expected);
  };
}
