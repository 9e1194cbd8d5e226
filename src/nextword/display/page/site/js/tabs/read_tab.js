// The tab Read: a text colored by surprisal, two sentences compared, and the game.

import { beginningOf } from "../model/example.js";
import { latestOnly } from "../model/latest.js";
import { bitsOf, fixed, percent, plural } from "../model/numbers.js";
import { element, facts, fill, hint, labelled, liveRegion, textArea } from "../parts/dom.js";
import { exampleButton } from "../parts/example.js";
import { ScoredText } from "../parts/scored_text.js";
import { surprisalLegend } from "../parts/surprisal.js";
import { WordDetails } from "../parts/word_details.js";
import { ComparePanel } from "./compare_panel.js";
import { GamePanel } from "./game_panel.js";

const TEXT_PAUSE = 300; // milliseconds
const MAX_TEXT = 100000; // characters
const MAX_EXAMPLE = 800; // characters
const FIRST_DRAWN = 50; // tokens

/** Return the number of characters that tokens cover; the end of the last line is one. */
function charactersIn(text, tokens) {
  const { start, end } = tokens.at(-1);
  return [...text.slice(0, end)].length + Number(start === end);
}

/** @implements {Tab} */
export class ReadTab {
  static tab = {
    id: "read",
    label: "Read",
    says: "How surprising is each word of a text? Can you guess better than the model?",
  };

  /** @param {Model} model @param {Description} description */
  constructor(model, description, problems) {
    this.problems = problems;
    this.input = textArea(5, MAX_TEXT, "Paste or write a text …");
    this.details = new WordDetails();
    this.scored = new ScoredText({ label: "Your text, word by word", onShow: this.details.show });
    this.figures = element("div.answer");
    this.meaning = element("p.hint.answer");
    this.status = hint();
    this.spoken = liveRegion();
    const legend = surprisalLegend("Italics", ": not in the vocabulary.");
    this.result = element("div.stack", { hidden: true }, this.figures, this.meaning, this.scored.node, legend);
    const answer = (text, options) => (text.trim() ? model.score(text, options) : null);
    this.ask = latestOnly(TEXT_PAUSE, answer, this.show, this.fail);
    this.input.addEventListener("input", () => this.again());
    const example = exampleButton(model, description, problems, (text) => {
      this.input.value = beginningOf(text, MAX_EXAMPLE);
      this.again();
    });
    const actions = element("div.actions", example, this.status);
    const own = element("div.stack", labelled("Your text", this.input), actions, this.result, this.spoken);
    this.node = element(
      "div.stack.wide-gap",
      element("div.split", { "data-part": "text" }, own, this.details.node),
      element("div", { "data-part": "compare" }, new ComparePanel(model, problems).node),
      element("div", { "data-part": "game" }, new GamePanel(model, description, problems).node),
    );
  }

  /** Ask about the text as it is now; the answer to an earlier one is no longer wanted. */
  again() {
    const { value } = this.input;
    this.controller?.abort();
    this.controller = new AbortController();
    this.details.reset();
    this.wait(value.trim() ? "Reading …" : "");
    let next = FIRST_DRAWN;
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

  fail = (error) => {
    this.wait("");
    this.result.hidden = true;
    this.problems.show(error);
  };

  show = (answer, text) => {
    this.problems.clear();
    this.wait("");
    this.result.hidden = answer === null;
    if (answer === null) return;
    const measure = this.draw(text, answer.tokens);
    this.spoken.textContent = `${measure} over ${plural(answer.tokens.length, "token")}.`;
  };

  /** Draw a text and the numbers of its tokens so far. Return its measure in words. */
  draw(text, tokens) {
    this.result.hidden = false;
    this.result.classList.remove("is-waiting");
    const first = tokens.filter((token) => token.rank === 1).length;
    const unknown = tokens.filter((token) => token.isUnknown).length;
    const sum = tokens.reduce((bits, token) => bits + bitsOf(token.logProb), 0);
    const bits = sum / tokens.length;
    const perplexity = 2 ** bits;
    const perCharacter = fixed(sum / charactersIn(text, tokens), 2);
    const measured = unknown
      ? { "Bits per character": perCharacter, "Bits per token": fixed(bits, 2) }
      : { Perplexity: fixed(perplexity, 1), "Bits per token": fixed(bits, 2) };
    const counted = { "First choice right": percent(first / tokens.length), Tokens: String(tokens.length) };
    fill(this.figures, facts("figures", { ...measured, ...counted }));
    this.meaning.textContent = unknown
      ? `Not in the vocabulary: ${plural(unknown, "word")}. Spellings count too, so compare texts by bits per character.`
      : `The model was as unsure, on average, as among ${fixed(perplexity, 0)} equally likely words.`;
    this.scored.show(text, [...tokens]);
    return unknown ? `${perCharacter} bits per character` : `Perplexity ${fixed(perplexity, 1)}`;
  }
}
