// "Beat the model": the game on the page.

import { button, element, fill, labelled, liveRegion } from "./dom.js";
import { isSame, perplexityOf, playerLogProb, questionsFrom, askableWords } from "./game.js";
import { fixed } from "./numbers.js";
import { drawBars } from "./probability_bars.js";

const LONGEST_GAME = 3000; // characters
const SURENESS = [10, 50, 90]; // percent

const RULE = [
  "Your bet goes to your word; what is left of 100% goes to all other words as the model sees them.",
  "So you win bits by knowing more than the model, and lose them by being too sure. Lower perplexity wins.",
];

export class GamePanel {
  constructor(model, { passage }, problems) {
    this.model = model;
    this.problems = problems;
    this.own = element("textarea", { rows: 3, maxlength: LONGEST_GAME, placeholder: "Paste a text that you have not read …", spellcheck: "false", dir: "auto" });
    this.board = element("div", { class: "stack", hidden: true });
    this.spoken = liveRegion();
    this.status = element("p", { class: "hint" });
    this.start = passage ? button("Play with a held-out passage", () => this.begin(passage), { class: "primary" }) : null;
    const note = passage ? "Or play with a text of yours" : "This page has no held-out passage. Play with a text of yours";
    this.offer = element(
      "div",
      { class: "stack" },
      this.start,
      element("details", { open: passage ? null : true }, element("summary", {}, note), element("div", { class: "stack" }, labelled("Text to guess", this.own), element("div", { class: "actions" }, button("Play with this text", () => this.begin(this.own.value))))),
    );
    this.node = element(
      "section",
      { class: "card game" },
      element("h2", {}, "Beat the model"),
      element("p", {}, "Guess the next word of a text that the model has not seen in training, and say how sure you are."),
      element("p", { class: "hint" }, RULE.join(" ")),
      this.offer,
      this.status,
      this.board,
      this.spoken,
    );
  }

  /** End the game and offer a new one. */
  leave() {
    this.questions = [];
    this.board.hidden = true;
    this.offer.hidden = false;
    (this.start ?? this.own).focus();
  }

  async begin(text) {
    const cut = text.trim().replace(/\s+/g, " ").slice(0, LONGEST_GAME);
    if (cut.split(" ").length < 12) {
      this.problems.say("The game needs a text of at least 12 words.", "Paste a longer one.");
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
      Object.assign(this, { text: cut, turn: 0, mine: [], theirs: [], questions });
      this.board.hidden = false;
      this.offer.hidden = true;
      this.ask();
    } catch (error) {
      this.problems.show(error);
    } finally {
      this.status.textContent = "";
    }
  }

  ask() {
    const question = this.questions[this.turn];
    this.guess = element("input", { type: "text", maxlength: 60, autocomplete: "off", autocapitalize: "off", spellcheck: "false", dir: "auto" });
    const sure = SURENESS.map((share) => this.sureness(share));
    const form = element(
      "form",
      { class: "guess", onsubmit: (event) => this.answer(event) },
      labelled("The next word", this.guess),
      element("fieldset", { class: "sure" }, element("legend", {}, "How sure are you?"), sure),
      element("div", { class: "actions" }, element("button", { type: "submit", class: "primary" }, "Guess"), button("Pass", () => this.reveal(null, question.logProb)), button("Stop playing", () => this.leave())),
    );
    fill(
      this.board,
      element("p", { class: "progress" }, `Word ${this.turn + 1} of ${this.questions.length}`),
      this.passageUpTo(question, element("span", { class: "blank" }, "\u2003\u2003\u2003")),
      form,
      this.standing(),
    );
    this.guess.focus();
  }

  passageUpTo(question, ending) {
    const shown = this.text.slice(0, question.start);
    const from = shown.length > 420 ? shown.indexOf(" ", shown.length - 420) + 1 : 0;
    return element("p", { class: "passage" }, from ? "… " : "", shown.slice(from), ending);
  }

  sureness(share) {
    const radio = element("input", { type: "radio", name: "sure", value: share, checked: share === 50 });
    return element("label", { class: "choice" }, radio, ` ${share}%`);
  }

  async answer(event) {
    event.preventDefault();
    const guess = this.guess.value.trim();
    const sure = Number(new FormData(event.target).get("sure")) / 100;
    if (!guess || /\s/.test(guess)) {
      this.problems.say("A guess is one word.", "Write a word without spaces, or press Pass.");
      return;
    }
    const question = this.questions[this.turn];
    const isRight = isSame(guess, question.word);
    try {
      const guessProbability = isRight ? 0 : await this.probabilityOf(guess, question);
      if (question !== this.questions[this.turn]) return; // it was answered or left meanwhile
      this.problems.clear();
      this.reveal(guess, playerLogProb({ isRight, sure, logProb: question.logProb, guessProbability }));
    } catch (error) {
      this.problems.show(error);
    }
  }

  /** Return the model's probability of a guess in the place of the word. */
  async probabilityOf(guess, question) {
    const text = `${this.text.slice(0, question.start)}${guess} `;
    const { tokens } = await this.model.score(text);
    const parts = tokens.filter((token) => token.end > question.start && token.start < question.start + guess.length);
    return parts.length ? Math.exp(parts.reduce((sum, token) => sum + token.logProb, 0)) : 0;
  }

  reveal(guess, logProb) {
    const question = this.questions[this.turn];
    this.mine.push(logProb);
    this.theirs.push(question.logProb);
    this.turn += 1;
    const isRight = guess !== null && isSame(guess, question.word);
    const list = element("ol", { "aria-label": "What the model expected" });
    drawBars(list, question.alternatives, { mark: ({ text }) => (isSame(text, question.word) ? "actual" : null) });
    const both = [{ text: "you", probability: Math.exp(logProb) }, { text: "model", probability: Math.exp(question.logProb) }];
    const shares = drawBars(element("ol", { "aria-label": "Probability of the word" }), both, { scale: 1 });
    const isLast = this.turn === this.questions.length;
    const next = isLast ? button("Play again", () => this.begin(this.text)) : button("Next word", () => this.ask(), { class: "primary" });
    const said = guess === null ? "You passed." : isRight ? "Right!" : `Not “${guess}”.`;
    fill(
      this.board,
      element("p", { class: "progress" }, isLast ? "The end" : `Word ${this.turn} of ${this.questions.length}`),
      this.passageUpTo(question, element("strong", { class: "target" }, question.word)),
      element("p", { class: "outcome" }, said),
      element(
        "div",
        { class: "pair" },
        element("div", { class: "stack" }, element("h3", {}, `Probability of “${question.word}”`), shares, this.standing()),
        element("div", { class: "stack" }, element("h3", {}, "The model expected"), list),
      ),
      isLast ? this.verdict() : null,
      element("div", { class: "actions" }, next, button("Stop playing", () => this.leave())),
    );
    this.spoken.textContent = `${said} The word is ${question.word}.`;
    next.focus();
  }

  standing() {
    if (!this.mine.length) return null;
    const side = (name, value) => element("div", {}, element("dt", {}, name), element("dd", {}, fixed(value, 1)));
    return element("dl", { class: "figures" }, side("Your perplexity", perplexityOf(this.mine)), side("The model's", perplexityOf(this.theirs)));
  }

  verdict() {
    const [mine, theirs] = [perplexityOf(this.mine), perplexityOf(this.theirs)];
    const count = this.mine.length;
    if (Math.abs(mine - theirs) < 0.005) return element("p", { class: "verdict" }, "A draw: you bet as the model does.");
    const bits = Math.abs(Math.log2(theirs / mine)) * count;
    const text = mine < theirs ? `You beat the model by ${fixed(bits, 1)} bits over ${count} words.` : `The model wins by ${fixed(bits, 1)} bits over ${count} words.`;
    return element("p", { class: "verdict" }, text);
  }
}
