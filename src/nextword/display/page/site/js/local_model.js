// The Model interface over the JavaScript engine: suggestions, scores and texts without a server.

import { isSpace } from "./characters.js";
import { Engine } from "./engine.js";
import { capitalized, inCaseOf, Lexicon } from "./lexicon.js";
import { unpackModel } from "./packed_model.js";
import { isOpened } from "./pieces.js";
import { RandomNumbers } from "./random.js";
import { filtered, sample, topK } from "./sampling.js";
import { spell, WordParts } from "./spelling.js";
import { StateTree } from "./state_tree.js";
import { Tokenizer, UNKNOWN } from "./tokenizer.js";
import { Turn } from "./turn.js";
import { beginsSentence, isSpaced, promptPieces, typedText } from "./typed_text.js";
import { UnknownWord } from "./unknown_word.js";
import { isLearnable, UserWords, wordsOutside } from "./user_words.js";
import { WordCandidates } from "./word_candidates.js";

const SHARE_STEPS = 65535;
const NUM_ALTERNATIVES = 5;

export class LocalModel {
  /** @param bytes the packed model, a Uint8Array or an ArrayBuffer */
  constructor(bytes) {
    this.kind = "local";
    this.packed = unpackModel(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes));
    this.tokenizer = new Tokenizer(this.packed.tokenizer);
    this.unknownWord = new UnknownWord(this.packed.spelling);
    this.jsEngine = new Engine(this.packed, this.tokenizer);
    this.lexicon = new Lexicon(this.tokenizer);
    this.isSpelled = ["subword", "character"].includes(this.tokenizer.kind);
    this.parts = this.isSpelled ? new WordParts(this.tokenizer) : null;
    this.tree = new StateTree(this.jsEngine);
    this.userWords = new UserWords(`nextword words ${this.packed.hash}`);
    this.uses = []; // of words in finished texts: {word, hidden}
    this.typed = ""; // the text of the last suggestions
  }

  async describe() {
    const { name, hash, summary, unit, card, figures, curve, passage, architecture, bigrams } = this.packed;
    const bigramSource = bigrams ? "text" : "model";
    return {
      name,
      hash,
      summary,
      unit,
      vocabularySize: architecture.vocabulary_size,
      card,
      figures,
      curve,
      passage,
      bigramSource,
    };
  }

  async engine() {
    return this.jsEngine;
  }

  /** Returns words `{text, probability}`: of the word being typed with `complete`, else next words. */
  async suggest({ text, k = 5, complete = false }) {
    return complete ? this.#completions(text, k) : this.#nextWords(text, k);
  }

  /** Returns what a bigram model says after a text; without a table, this model after the last word alone. */
  async bigrams({ text, k = 5 }) {
    const last = this.#promptPieces(text).at(-1)?.id ?? this.tokenizer.endId;
    const table = this.packed.bigrams;
    if (!table) {
      return this.#words(this.tree.predict([last]), k);
    }
    const start = last * table.perContext;
    const places = Array.from({ length: Math.min(k, table.perContext) }, (_, place) => start + place);
    return places.map((place) => {
      return { text: this.tokenizer.display(table.words[place]), probability: table.shares[place] / SHARE_STEPS };
    });
  }

  /** Learns the words of a finished text. */
  async finish(text) {
    const { pieces } = typedText(this.tokenizer, text, this.#reading());
    await this.tree.read(pieces.map(({ id }) => id));
    const uses = this.#usesIn(pieces);
    uses.forEach(({ word }) => this.userWords.learn(word));
    this.uses.push(...uses);
    this.typed = "";
    this.userWords.save();
  }

  /** Returns the words outside the vocabulary that are learned, those of the text being typed included. */
  async ownWords() {
    const uses = this.#usesIn(typedText(this.tokenizer, this.typed, this.#reading()).pieces);
    return [...new Set([...this.userWords.counts.keys(), ...uses.map(({ word }) => word)])];
  }

  async forget(word) {
    this.userWords.forget(word);
    this.uses = this.uses.filter((use) => use.word !== word);
  }

  /** Returns each token of a text, the ends of lines included, with its log-probability; `onProgress` those so far.
   *
   * An unknown word is charged for its spelling too, and has no rank.
   */
  async score(text, { signal, onProgress = () => {} } = {}) {
    const tokens = this.tokenizer.tokens(text, { isWhole: true });
    const found = [];
    let state = this.jsEngine.start();
    let id = this.tokenizer.endId;
    const turn = new Turn();
    for (const token of tokens) {
      signal?.throwIfAborted();
      const prediction = this.jsEngine.step(id, state);
      found.push(this.#scored(token, prediction.logProbs));
      ({ state } = prediction);
      ({ id } = token);
      onProgress(found, tokens.length);
      await turn.end();
    }
    const logProb = found.reduce((sum, token) => sum + token.logProb, 0);
    return { tokens: found, logProb, perplexity: Math.exp(-logProb / found.length) };
  }

  /** Writes a text after a prompt. `<unk>` is never written; a line end does not end the text. */
  async generate({ prompt = "", maxTokens = 100, temperature = 1, topP = 1, seed = null, signal, onText = () => {} }) {
    const options = { temperature, topP, forbidden: [this.tokenizer.unknownId] };
    const random = new RandomNumbers(seed);
    const ids = this.tokenizer.encodePrompt(prompt);
    await this.tree.read(ids);
    let { logProbs, state } = this.tree.predict(ids);
    let before = ids.at(-1) ?? null;
    let hasNoSpace = this.tokenizer.kind !== "character" && prompt !== "" && isSpace(Array.from(prompt).at(-1));
    let text = "";
    const turn = new Turn();
    for (let count = 0; count < maxTokens; count++) {
      signal?.throwIfAborted();
      const id = sample(filtered(logProbs, options), random.next());
      const added = this.tokenizer.added(before, id);
      const piece = hasNoSpace && added.startsWith(" ") ? added.slice(1) : added;
      hasNoSpace &&= !added;
      text += piece;
      if (piece) {
        onText(piece);
      }
      before = id;
      if (count + 1 < maxTokens) {
        ({ logProbs, state } = this.jsEngine.step(id, state));
      }
      await turn.end();
    }
    return { text, ending: "length" };
  }

  async #nextWords(text, k) {
    const read = this.tokenizer.kind === "character" ? text : text.replace(/[ \t]+$/, "");
    const pieces = this.#promptPieces(text);
    const prediction = await this.#predicted(pieces);
    let words;
    if (this.tokenizer.kind === "subword") {
      const unread = isSpaced(this.tokenizer, `${read} `) ? " " : "";
      words = spell(this.jsEngine, prediction, this.parts, { read: "", unread }, k);
    } else {
      words = this.#words(prediction, k);
    }
    return this.#beginsSentence(pieces) ? words.map((word) => ({ ...word, text: capitalized(word.text) })) : words;
  }

  #words({ logProbs }, k) {
    const probabilities = this.lexicon.wordProbabilities(logProbs);
    return topK(probabilities, k).map((word) => {
      return { text: this.tokenizer.display(this.lexicon.firstTokens[word]), probability: probabilities[word] };
    });
  }

  async #completions(text, k) {
    this.typed = text;
    const typed = typedText(this.tokenizer, text, this.#reading());
    const prediction = await this.#predicted(typed.pieces);
    if (this.isSpelled) {
      return this.#spelled(text, typed, prediction, k);
    }
    const candidates = new WordCandidates(prediction.logProbs, this.lexicon, this.#outside(typed.pieces, prediction));
    if (typed.prefix) {
      return candidates.completions(typed.prefix, k);
    }
    return this.#beginsSentence(typed.pieces) ? candidates.sentenceBeginnings(k) : candidates.nextWords(k);
  }

  async #predicted(pieces) {
    const ids = pieces.map(({ id }) => id);
    await this.tree.read(ids);
    return this.tree.predict(ids);
  }

  #spelled(text, { pieces, prefix, unread }, prediction, k) {
    const isCharacter = this.tokenizer.kind === "character";
    const isGlued = text !== "" && !isSpace(Array.from(text).at(-1)) && !isOpened(text);
    const rest = !prefix && !isCharacter && isGlued ? ` ${unread}` : unread;
    const letters = isCharacter
      ? { read: prefix, unread: "" }
      : { read: "", unread: this.lexicon.isLowerCased ? rest.toLowerCase() : rest };
    const words = spell(this.jsEngine, prediction, this.parts, letters, k);
    if (prefix) {
      return merged(words.map((word) => ({ ...word, text: inCaseOf(prefix, word.text) })));
    }
    return this.#beginsSentence(pieces)
      ? merged(words.map((word) => ({ ...word, text: capitalized(word.text) })))
      : words;
  }

  #outside(pieces, prediction) {
    const uses = this.#usesIn(pieces);
    const counts = new Map([...this.userWords.counts].filter(([word]) => !this.tokenizer.has(word)));
    uses.forEach(({ word }) => counts.set(word, (counts.get(word) ?? 0) + 1));
    const unknown = Math.exp(prediction.logProbs[this.tokenizer.unknownId]);
    return wordsOutside(counts, [...this.uses, ...uses], prediction.state.output, unknown);
  }

  /** Returns the uses of words outside the vocabulary, each with the state before it. */
  #usesIn(pieces) {
    if (this.isSpelled) {
      return [];
    }
    const ids = pieces.map(({ id }) => id);
    const found = pieces
      .map(({ text, id }, place) => ({ word: text, id, place }))
      .filter(({ word, id }) => id === this.tokenizer.unknownId && this.#isUserWord(word));
    const path = found.length ? this.tree.path(ids) : [];
    return found.map(({ word, place }) => ({ word, hidden: path[place].state.output }));
  }

  #isUserWord(word) {
    const letters = Array.from(word);
    const isWhole = [letters[0], letters.at(-1)].every((each) => this.tokenizer.isWordCharacter(each));
    return isWhole && isLearnable(word) && !this.userWords.forgotten.has(word);
  }

  #promptPieces(text) {
    const read = this.tokenizer.kind === "character" ? text : text.replace(/[ \t]+$/, "");
    return promptPieces(this.tokenizer, read, this.#reading());
  }

  #beginsSentence(pieces) {
    return this.lexicon.isLowerCased && beginsSentence(pieces.map(({ text }) => text));
  }

  #reading() {
    return { lowerCase: this.lexicon.isLowerCased };
  }

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

function merged(words) {
  const totals = new Map();
  words.forEach(({ text, probability }) => totals.set(text, (totals.get(text) ?? 0) + probability));
  return [...totals]
    .map(([text, probability]) => ({ text, probability }))
    .sort((a, b) => b.probability - a.probability);
}
