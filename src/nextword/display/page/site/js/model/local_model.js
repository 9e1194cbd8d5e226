// The model in the page: suggestions, scores and texts without a server.

import { caseFolded, isSpace } from "./characters.js";
import { capitalized, inCaseOf, Lexicon } from "./lexicon.js";
import { engineOf } from "./mixture.js";
import { unpackModel } from "./packed_model.js";
import { isOpened } from "./pieces.js";
import { filtered, randomNumbers, sample, topK } from "./sampling.js";
import { spell, WordParts } from "./spelling.js";
import { pauses, StateTree } from "./state_tree.js";
import { Tokenizer, UNKNOWN } from "./tokenizer.js";
import { beginsSentence, isSpaced, promptPieces, typedText } from "./typed_text.js";
import { UnknownWord } from "./unknown_word.js";
import { isLearnable, UserWords, wordsOutside } from "./user_words.js";
import { WordCandidates } from "./word_candidates.js";

const NUM_ALTERNATIVES = 5;

export class LocalModel {
  /** @param {Uint8Array} bytes the packed model */
  constructor(bytes) {
    this.packed = unpackModel(bytes);
    this.tokenizer = new Tokenizer(this.packed.tokenizer);
    this.unknownWord = new UnknownWord(this.packed.spelling);
    this.jsEngine = engineOf(this.packed, this.tokenizer);
    this.lexicon = new Lexicon(this.tokenizer);
    this.isSpelled = ["subword", "character"].includes(this.tokenizer.kind);
    this.parts = this.isSpelled ? new WordParts(this.tokenizer) : null;
    this.tree = new StateTree(this.jsEngine);
    this.userWords = new UserWords(`words ${this.packed.hash}`);
    this.isForgotten = (word) => this.userWords.isForgotten(word);
    this.uses = []; // of words in finished texts: {word, hidden}
    this.typed = ""; // the text of the last suggestions
    this.reading = { lowerCase: this.lexicon.isLowerCased };
  }

  async describe() {
    const { name, hash, summary, unit, card, figures, chart, passage } = this.packed;
    return { name, hash, summary, unit, card, figures, chart, passage };
  }

  async engine() {
    return this.jsEngine;
  }

  async suggest({ text, k = 5, complete = false }) {
    return complete ? this.#completions(text, k) : this.#nextWords(text, k);
  }

  async finish(text) {
    const { pieces } = typedText(this.tokenizer, text, this.reading);
    await this.tree.read(pieces.map(({ id }) => id));
    const uses = this.#usesIn(pieces);
    for (const { word } of uses) this.userWords.learn(word);
    this.uses.push(...uses);
    this.typed = "";
    this.userWords.save();
  }

  async ownWords() {
    const uses = this.#usesIn(typedText(this.tokenizer, this.typed, this.reading).pieces);
    return [...new Set([...this.userWords.counts.keys(), ...uses.map(({ word }) => word)])];
  }

  async forgottenWords() {
    return [...this.userWords.forgotten.values()];
  }

  async forget(word) {
    this.userWords.forget(word);
    this.uses = this.uses.filter((use) => !this.isForgotten(use.word));
  }

  async allow(word) {
    const isKnown = this.isSpelled || this.lexicon.spellings.some(([spelling]) => spelling === caseFolded(word));
    if (!isKnown && isLearnable(word)) this.userWords.learn(word);
    this.userWords.allow(word);
  }

  /** @param {string} text @param {ScoringOptions} options */
  async score(text, { signal, onProgress = () => {} } = {}) {
    const tokens = this.tokenizer.tokens(text, { isWhole: true });
    const found = [];
    let state = this.jsEngine.start();
    let id = this.tokenizer.endId;
    const pause = pauses();
    for (const token of tokens) {
      signal?.throwIfAborted();
      const prediction = this.jsEngine.step(id, state);
      found.push(this.#scored(token, prediction.logProbs));
      ({ state } = prediction);
      ({ id } = token);
      onProgress(found, tokens.length);
      await pause();
    }
    const logProb = found.reduce((sum, token) => sum + token.logProb, 0);
    return { tokens: found, logProb, perplexity: Math.exp(-logProb / found.length) };
  }

  /** `<unk>` is never written; a line end does not end the text. @param {GenerationOptions} options */
  async generate({ prompt, maxTokens, temperature, topP, seed = null, signal, onText, random = randomNumbers(seed) }) {
    const options = { temperature, topP, forbidden: [this.tokenizer.unknownId] };
    const ids = this.tokenizer.encodePrompt(prompt);
    await this.tree.read(ids);
    let { logProbs, state } = this.tree.predict(ids);
    let before = ids.at(-1) ?? null;
    let hasNoSpace = this.tokenizer.kind !== "character" && isSpace(prompt.at(-1) ?? "");
    let text = "";
    const pause = pauses();
    for (let count = 1; count <= maxTokens; count += 1) {
      signal?.throwIfAborted();
      const id = sample(filtered(logProbs, options), random());
      const added = this.tokenizer.added(before, id);
      const piece = hasNoSpace && added.startsWith(" ") ? added.slice(1) : added;
      hasNoSpace &&= !added;
      text += piece;
      if (piece) onText(piece);
      before = id;
      if (count < maxTokens) ({ logProbs, state } = this.jsEngine.step(id, state));
      await pause();
    }
    return { text, ending: "length" };
  }

  async #nextWords(text, k) {
    const pieces = this.#promptPieces(text);
    const prediction = await this.#predicted(pieces);
    let words = [];
    if (this.tokenizer.kind === "subword") {
      const unread = isSpaced(this.tokenizer, `${this.#withoutEnd(text)} `) ? " " : "";
      words = spell(this.jsEngine, prediction, this.parts, { read: "", unread }, k);
    } else {
      words = this.#words(prediction, k);
    }
    return this.#beginsSentence(pieces) ? words.map((word) => ({ ...word, text: capitalized(word.text) })) : words;
  }

  #words({ logProbs }, k) {
    const probabilities = this.lexicon.wordProbabilities(logProbs);
    const textOf = (word) => this.tokenizer.display(this.lexicon.firstTokens[word]);
    return topK(probabilities, k).map((word) => ({ text: textOf(word), probability: probabilities[word] }));
  }

  async #completions(text, k) {
    this.typed = text;
    const typed = typedText(this.tokenizer, text, this.reading);
    const prediction = await this.#predicted(typed.pieces);
    if (this.isSpelled) return this.#spelled(text, typed, prediction, k);
    const outside = this.#outside(typed.pieces, prediction);
    const candidates = new WordCandidates(prediction.logProbs, this.lexicon, outside, this.isForgotten);
    if (typed.prefix) return candidates.completions(typed.prefix, k);
    return this.#beginsSentence(typed.pieces) ? candidates.sentenceBeginnings(k) : candidates.nextWords(k);
  }

  async #predicted(pieces) {
    const ids = pieces.map(({ id }) => id);
    await this.tree.read(ids);
    return this.tree.predict(ids);
  }

  #spelled(text, { pieces, prefix, unread }, prediction, k) {
    const isCharacter = this.tokenizer.kind === "character";
    const isGlued = text !== "" && !isSpace(text.at(-1)) && !isOpened(text);
    const rest = !prefix && !isCharacter && isGlued ? ` ${unread}` : unread;
    const lowered = this.lexicon.isLowerCased ? rest.toLowerCase() : rest;
    const letters = isCharacter ? { read: prefix, unread: "" } : { read: "", unread: lowered };
    const words = spell(this.jsEngine, prediction, this.parts, letters, k, this.isForgotten);
    if (prefix) return merged(words, (word) => inCaseOf(prefix, word));
    return this.#beginsSentence(pieces) ? merged(words, capitalized) : words;
  }

  #outside(pieces, prediction) {
    const uses = this.#usesIn(pieces);
    const isOwn = (word) => !this.tokenizer.has(word) && !this.isForgotten(word);
    const counts = new Map([...this.userWords.counts].filter(([word]) => isOwn(word)));
    for (const { word } of uses) counts.set(word, (counts.get(word) ?? 0) + 1);
    const unknown = Math.exp(prediction.logProbs[this.tokenizer.unknownId]);
    return wordsOutside(counts, [...this.uses, ...uses], prediction.state.output, unknown);
  }

  /** Returns the uses of words outside the vocabulary, each with the state before it. */
  #usesIn(pieces) {
    if (this.isSpelled) return [];
    const isUse = ({ text, id }) => id === this.tokenizer.unknownId && this.#isUserWord(text);
    const found = [...pieces.keys()].filter((index) => isUse(pieces[index]));
    const path = found.length ? this.tree.path(pieces.map(({ id }) => id)) : [];
    return found.map((index) => ({ word: pieces[index].text, hidden: path[index].state.output }));
  }

  #isUserWord(word) {
    const letters = Array.from(word);
    const isWhole = [letters[0], letters.at(-1)].every((letter) => this.tokenizer.cuts.isWord(letter));
    return isWhole && isLearnable(word) && !this.isForgotten(word);
  }

  #promptPieces(text) {
    return promptPieces(this.tokenizer, this.#withoutEnd(text), this.reading);
  }

  #withoutEnd(text) {
    return this.tokenizer.kind === "character" ? text : text.replace(/[ \t]+$/, "");
  }

  #beginsSentence(pieces) {
    return this.lexicon.isLowerCased && beginsSentence(pieces.map(({ text }) => text));
  }

  /** An unknown word costs its spelling too, and has no rank. */
  #scored({ text, id, start, end }, logProbs) {
    const isUnknown = id === this.tokenizer.unknownId && text !== UNKNOWN;
    const logProb = logProbs[id] + (isUnknown ? this.unknownWord.logProb(text) : 0);
    const rank = isUnknown ? null : rankOf(id, logProbs);
    const alternatives = this.#words({ logProbs }, NUM_ALTERNATIVES);
    return { text, start, end, logProb, rank, alternatives, isUnknown };
  }
}

function rankOf(id, logProbs) {
  const own = logProbs[id];
  return logProbs.reduce((rank, value, other) => rank + (value > own || (value === own && other < id) ? 1 : 0), 1);
}

/** Returns words in another form; those that become equal are one. */
function merged(words, formOf) {
  const totals = new Map();
  for (const { text, probability } of words) totals.set(formOf(text), (totals.get(formOf(text)) ?? 0) + probability);
  const found = [...totals].map(([text, probability]) => ({ text, probability }));
  return found.sort((a, b) => b.probability - a.probability);
}
