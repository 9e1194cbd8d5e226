// "Beat the model": the game on the page.

import { askableWords, isSame, perplexityOf, playerLogProb, questionsFrom } from "../model/game.js";
import { fixed } from "../model/numbers.js";
import { fitting } from "../model/parameters.js";
import { button, card, element, facts, fill, hint, labelled, liveRegion, textArea, textLine } from "../parts/dom.js";
import { drawBars } from "../parts/probability_bars.js";

const MAX_GAME = 3000; // characters
const MIN_WORDS = 12;
const MAX_GUESS = 60; // characters
const MAX_CONTEXT = 420; // characters
const SURENESS = [10, 50, 90]; // percent

const TASK = "Guess the next word of a text that the model has not seen in training, and say how sure you are.";
const RULE =
  "Your bet goes to your word; what is left of 100% goes to all other words as the model sees them. " +
  "So you win bits by knowing more than the model, and lose them by being too sure. Lower perplexity wins.";

export class GamePanel {
  /** @param {Model} model @param {Description} description */
  constructor(model, { passage }, problems) {
    this.model = model;
    this.problems = problems;
    this.round = newRound("", []);
    this.guess = textLine(MAX_GUESS);
    this.own = textArea(3, MAX_GAME, "Paste a text that you have not read …");
    this.board = element("div.stack", { hidden: true });
    this.spoken = liveRegion();
    this.status = hint();
    const begin = () => this.begin(passage);
    this.start = passage && button("Play with a held-out passage", begin, { class: "primary" });
    const note = passage
      ? "Or play with a text of yours"
      : "This page has no held-out passage. Play with a text of yours";
    const play = button("Play with this text", () => this.begin(this.own.value));
    const ownText = element("div.stack", labelled("Text to guess", this.own), element("div.actions", play));
    const details = element("details", { open: !passage }, element("summary", note), ownText);
    this.offer = element("div.stack", this.start, details);
    this.node = card(
      "Beat the model",
      element("p", TASK),
      hint(RULE),
      this.offer,
      this.status,
      this.board,
      this.spoken,
    );
    this.node.classList.add("game");
  }

  /** End the game and offer a new one. */
  leave = () => {
    this.round = newRound("", []);
    this.board.hidden = true;
    this.offer.hidden = false;
    (this.start || this.own).focus();
  };

  async begin(text) {
    if (this.status.textContent) return; // it is reading already
    const cut = fitting(text.trim().replace(/\s+/g, " "), MAX_GAME);
    if (cut.split(" ").length < MIN_WORDS) {
      this.problems.say(`The game needs a text of at least ${MIN_WORDS} words.`, "Paste a longer one.");
      return;
    }
    try {
      this.status.textContent = "Reading …";
      const { tokens } = await this.model.score(cut);
      const questions = questionsFrom(askableWords(cut, tokens));
      if (!questions.length) {
        this.problems.say("The game needs words with letters.", "Paste another text.");
        return;
      }
      this.problems.clear();
      this.round = newRound(cut, questions);
      this.board.hidden = false;
      this.offer.hidden = true;
      this.ask();
    } catch (error) {
      this.problems.show(error);
    } finally {
      this.status.textContent = "";
    }
  }

  get question() {
    return this.round.questions[this.round.turn];
  }

  ask() {
    const { question } = this;
    const { turn, questions } = this.round;
    this.guess = textLine(MAX_GUESS);
    const pass = button("Pass", () => this.reveal(null, question.logProb));
    const guess = element("button.primary", { type: "submit" }, "Guess");
    const form = element(
      "form.guess",
      { onsubmit: (event) => this.answer(event) },
      labelled("The next word", this.guess),
      element("fieldset.sure", element("legend", "How sure are you?"), SURENESS.map(sureness)),
      element("div.actions", guess, pass, button("Stop playing", this.leave)),
    );
    fill(
      this.board,
      element("p.progress", `Word ${turn + 1} of ${questions.length}`),
      this.passageUpTo(question, element("span.blank", "\u2003\u2003\u2003")),
      form,
      this.standing(),
    );
    this.guess.focus();
  }

  passageUpTo(question, ending) {
    const shown = this.round.text.slice(0, question.start);
    const from = shown.length > MAX_CONTEXT ? shown.indexOf(" ", shown.length - MAX_CONTEXT) + 1 : 0;
    return element("p.passage", from ? "… " : "", shown.slice(from), ending);
  }

  async answer(event) {
    event.preventDefault();
    const guess = this.guess.value.trim();
    const sure = Number(new FormData(event.target).get("sure")) / 100;
    if (!guess || /\s/.test(guess)) {
      this.problems.say("A guess is one word.", "Write a word without spaces, or press Pass.");
      return;
    }
    const { question } = this;
    const isRight = isSame(guess, question.word);
    try {
      const guessProbability = isRight ? 0 : await this.probabilityOf(guess, question);
      if (question !== this.question) return; // it was answered or left meanwhile
      this.problems.clear();
      this.reveal(guess, playerLogProb({ isRight, sure, logProb: question.logProb, guessProbability }));
    } catch (error) {
      this.problems.show(error);
    }
  }

  /** Return the model's probability of a guess in place of the word. */
  async probabilityOf(guess, { start }) {
    const { tokens } = await this.model.score(`${this.round.text.slice(0, start)}${guess} `);
    const parts = tokens.filter((token) => token.end > start && token.start < start + guess.length);
    return parts.length ? Math.exp(parts.reduce((sum, token) => sum + token.logProb, 0)) : 0;
  }

  reveal(guess, logProb) {
    const { question, round } = this;
    round.mine.push(logProb);
    round.theirs.push(question.logProb);
    round.turn += 1;
    const isLast = round.turn === round.questions.length;
    const again = () => button("Play again", () => this.begin(round.text));
    const next = isLast ? again() : button("Next word", () => this.ask(), { class: "primary" });
    const said = guess === null ? "You passed." : isSame(guess, question.word) ? "Right!" : `Not “${guess}”.`;
    fill(
      this.board,
      element("p.progress", isLast ? "The end" : `Word ${round.turn} of ${round.questions.length}`),
      this.passageUpTo(question, element("strong.target", question.word)),
      element("p.outcome", said),
      this.comparison(question, logProb),
      isLast && element("p.verdict", verdictOn(round)),
      element("div.actions", next, button("Stop playing", this.leave)),
    );
    this.spoken.textContent = `${said} The word is ${question.word}.`;
    next.focus();
  }

  /** Return both probabilities of the word, and what the model expected. */
  comparison({ word, alternatives, logProb: theirs }, mine) {
    const expected = element("ol", { "aria-label": "What the model expected" });
    drawBars(expected, alternatives, { mark: ({ text }) => (isSame(text, word) ? "actual" : "") });
    const shares = element("ol", { "aria-label": "Probability of the word" });
    const sides = Object.entries({ you: mine, model: theirs });
    const bars = sides.map(([text, logProb]) => ({ text, probability: Math.exp(logProb) }));
    drawBars(shares, bars, { scale: 1 });
    return element(
      "div.pair",
      element("div.stack", element("h3", `Probability of “${word}”`), shares, this.standing()),
      element("div.stack", element("h3", "The model expected"), expected),
    );
  }

  standing() {
    const { mine, theirs } = this.round;
    if (!mine.length) return null;
    const [yours, models] = [mine, theirs].map((logProbs) => fixed(perplexityOf(logProbs), 1));
    return facts("figures", { "Your perplexity": yours, "The model's": models });
  }
}

/** @typedef {ReturnType<typeof askableWords>[number]} Question */

/** @param {Question[]} questions */
function newRound(text, questions) {
  const [mine, theirs] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])];
  return { text, questions, turn: 0, mine, theirs };
}

function sureness(share) {
  const radio = element("input", { type: "radio", name: "sure", value: share, checked: share === 50 });
  return element("label.choice", radio, ` ${share}%`);
}

function verdictOn({ mine, theirs }) {
  const [player, model] = [perplexityOf(mine), perplexityOf(theirs)];
  if (Math.abs(player - model) < 0.005) return "A draw: you bet as the model does.";
  const bits = fixed(Math.abs(Math.log2(model / player)) * mine.length, 1);
  const count = mine.length;
  return player < model
    ? `You beat the model by ${bits} bits over ${count} words.`
    : `The model wins by ${bits} bits over ${count} words.`;
}
