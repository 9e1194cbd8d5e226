// The tab Type: suggestions under the caret, what the model expects, own words, keystrokes saved.

import { isAttached, remainderOf, withWord } from "../model/accept_word.js";
import { latestOnly } from "../model/latest.js";
import { fixed, plural } from "../model/numbers.js";
import { button, card, element, hint, liveRegion, marked } from "../parts/dom.js";
import { GhostField } from "../parts/ghost_field.js";
import { NextWordPanel } from "../parts/next_word_panel.js";
import { OwnWords } from "../parts/own_words.js";
import { ALT, SuggestionList } from "../parts/suggestion_list.js";

const NUM_SUGGESTIONS = 5;
const KEY_PAUSE = 40; // milliseconds
const KEYS = `\`Tab\` accepts the first. \`${ALT}+1\` to \`${ALT}+${NUM_SUGGESTIONS}\`, or \`↓\` \`↑\` \`Enter\`, accept any of them. \`↓\` \`Del\`: never suggest it again. \`Esc\` closes the list; then \`Tab\` leaves the field.`;

const LEARNED = {
  label: "Your own words",
  empty: "None yet. Type a name that the model does not know, and a space: it is suggested from then on.",
  action: "Forget",
};
const FORGOTTEN = { label: "Never suggested", empty: "None. Choose a suggestion, then its ×.", action: "Allow" };

/** @implements {Tab} */
export class TypeTab {
  static tab = { id: "type", label: "Type", says: "Suggestions after every key, and your own words." };

  /** @param {Model} model @param {Description} _description */
  constructor(model, _description, problems) {
    this.model = model;
    this.problems = problems;
    this.keys = 0; // by the rule of `nextword evaluate --keystrokes`: a suggestion with its space costs one
    this.numTaken = 0;
    this.taken = ""; // the text up to a word that was just taken
    this.list = new SuggestionList(this.take, (index) => this.change("forget", this.list.words[index].text));
    this.field = new GhostField({ label: "Your text", placeholder: "Start typing …", rows: 7 });
    this.words = new OwnWords((word) => this.change("forget", word), LEARNED);
    this.never = new OwnWords((word) => this.change("allow", word), FORGOTTEN);
    this.panel = new NextWordPanel();
    this.spoken = liveRegion();
    this.saved = element("p.figure");
    this.savedNote = hint();
    this.wire();
    this.node = this.layout();
    this.ask = latestOnly(KEY_PAUSE, this.answers, this.show, this.fail);
    this.showSaved();
    this.isWaiting = true;
    this.ask("");
  }

  get input() {
    return this.field.input;
  }

  layout() {
    const { input, node } = this.field;
    input.setAttribute("aria-controls", this.list.node.id);
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-describedby", "type-keys");
    node.append(this.list.node);
    const keys = element("p.hint.keys", { id: "type-keys" }, marked(KEYS, "kbd"));
    const finish = button("Save new words and start over", () => this.finish(), { class: "primary" });
    const clear = button("Clear", () => this.clear());
    const saved = card("Keystrokes saved", element("div", this.saved, this.savedNote));
    const own = card("Your own words", this.words.node, element("h3", "Never suggested"), this.never.node);
    own.classList.add("more");
    const cards = element("div.pair", saved, own);
    const actions = element("div.actions.more", finish, clear);
    return element(
      "div.split",
      element("div.stack", node, this.field.cut, keys, actions, cards, this.spoken),
      this.panel.node,
    );
  }

  wire() {
    const { input } = this.field;
    input.addEventListener("keydown", (event) => this.onKey(event));
    input.addEventListener("input", (event) => this.onInput(event));
    window.addEventListener("resize", () => this.list.isOpen && this.list.moveTo(this.field.pointUnderCaret()));
    input.addEventListener("blur", () => this.close());
    input.addEventListener("click", () => this.close());
    document.addEventListener("selectionchange", () => {
      if (this.list.isOpen && this.field.before !== this.opened) this.close(); // an arrow key moved the caret
    });
    input.addEventListener("beforeinput", (event) => this.onBeforeInput(event));
  }

  onBeforeInput(event) {
    const { before, after } = this.field;
    this.lengthBefore = before.length + after.length; // without what is selected, which the key replaces
    if (before === "" && after === "" && !this.field.isReplacing) this.keys = this.numTaken = 0; // another text begins
    const typed = event.inputType === "insertLineBreak" ? "\n" : event.data;
    const isAfterTaken = before === this.taken && before.endsWith(" ");
    if (this.field.isReplacing || !isAfterTaken || !isAttached(typed)) return;
    event.preventDefault(); // the mark replaces the space that came with the word, as on phones
    this.field.replace(before.slice(0, -1) + typed, after);
    this.keys += 1;
    this.changed();
  }

  onInput(event) {
    if (this.field.isReplacing) return;
    const { value } = this.field.input;
    const grown = value.length - (this.lengthBefore ?? 0);
    this.keys += event.inputType?.startsWith("delete") ? 1 : Math.max(1, grown);
    this.isDismissed = false;
    this.changed();
  }

  changed() {
    this.close();
    this.showSaved();
    this.isWaiting = true;
    this.panel.node.classList.add("is-waiting"); // what it shows is pale until the next answer
    this.ask(this.field.before);
  }

  answers = async (text) => {
    const found = await this.model.suggest({ text, k: NUM_SUGGESTIONS, complete: true });
    return { found, own: await this.ownWords() };
  };

  fail = (error) => {
    this.isWaiting = false;
    this.panel.stop();
    this.problems.show(error);
  };

  show = ({ found, own }, text) => {
    this.isWaiting = false;
    this.problems.clear();
    this.showWords(own);
    this.panel.show(found, text);
    const { input } = this.field;
    const isTyping = document.activeElement === input && !this.isDismissed && text !== "" && !this.field.hasSelection;
    if (isTyping && this.field.before === text && found.length) this.open(found);
  };

  open(found) {
    this.opened = this.field.before;
    this.field.showGhost(remainderOf(this.field.before, found[0].text));
    this.list.open(found, this.field.pointUnderCaret());
    this.spoken.textContent = `Tab: ${found[0].text}. ${plural(found.length, "suggestion")}.`;
  }

  close() {
    this.list.close();
    this.field.showGhost("");
    this.point();
  }

  /** Tell a screen reader which suggestion is chosen. */
  point() {
    const { input } = this.field;
    if (this.list.chosenId) input.setAttribute("aria-activedescendant", this.list.chosenId);
    else input.removeAttribute("aria-activedescendant");
  }

  onKey(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    const isHandled = this.list.isOpen || (this.isWaiting && event.key === "Escape"); // which holds for what is coming, too
    const action = event.altKey ? this.choiceOf(event) : isHandled && this.actionOf(event);
    if (!action) return;
    event.preventDefault();
    action();
  }

  actionOf(event) {
    const { list } = this;
    const move = (step) => () => {
      list.move(step);
      this.field.showGhost(remainderOf(this.field.before, list.words[list.chosen].text));
      this.point();
    };
    if (event.key === "Tab" && !event.shiftKey) return () => this.take(Math.max(0, list.chosen));
    if (event.key === "Enter" && list.chosen >= 0) return () => this.take(list.chosen);
    if (event.key === "Delete" && list.chosen >= 0) return () => list.onForget(list.chosen);
    if (event.key === "ArrowDown") return move(1);
    if (event.key === "ArrowUp") return move(-1);
    if (event.key === "Escape") return () => this.dismiss();
    return null;
  }

  /** Return what Alt and a digit do: nothing while suggestions are on their way, so no special character is typed. */
  choiceOf({ code }) {
    const digit = Number(/^Digit([1-9])$/.exec(code)?.[1] ?? Number.NaN);
    if (this.isWaiting && digit <= NUM_SUGGESTIONS) return () => {};
    return this.list.isOpen && digit <= this.list.words.length ? () => this.take(digit - 1) : null;
  }

  dismiss() {
    this.isDismissed = true;
    this.isWaiting = false;
    this.close();
    this.spoken.textContent = "Suggestions closed. Tab leaves the text.";
  }

  take = (index) => {
    const word = this.list.words[index]?.text;
    if (word === undefined) return;
    const { before, after } = this.field;
    const taken = withWord(before, word);
    this.field.replace(taken, taken.endsWith(" ") && after.startsWith(" ") ? after.slice(1) : after);
    this.keys += 1;
    this.numTaken += 1;
    this.taken = taken;
    this.changed();
  };

  /** @param {"forget" | "allow"} action */
  async change(action, word) {
    await this.model[action](word);
    this.showWords(await this.ownWords());
    this.changed();
  }

  async ownWords() {
    return { learned: await this.model.ownWords(), forgotten: await this.model.forgottenWords() };
  }

  showWords({ learned, forgotten }) {
    this.words.show(learned);
    this.never.show(forgotten);
  }

  async finish() {
    if (this.input.readOnly) return; // it is being saved
    this.input.readOnly = true;
    try {
      if (this.input.value.trim()) await this.model.finish(`${this.input.value} `); // the space completes the last word
    } catch (error) {
      return this.problems.show(error);
    } finally {
      this.input.readOnly = false;
    }
    this.clear();
    this.spoken.textContent = "New words saved. The text is empty.";
  }

  clear() {
    this.field.replace("", "");
    this.keys = this.numTaken = 0;
    this.changed();
  }

  showSaved() {
    const { length } = this.field.input.value;
    this.saved.textContent = length ? `${fixed(100 * (1 - this.keys / length), 0)}%` : "–";
    const costs = `${plural(this.keys, "key")} for ${plural(length, "character")}`;
    const counts = `${costs}, ${plural(this.numTaken, "suggestion")} accepted. `;
    this.savedNote.textContent = `${length ? counts : ""}One key accepts a suggestion and the space after it.`;
  }
}
