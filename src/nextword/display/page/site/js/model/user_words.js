// Words outside the vocabulary that a person types, and words that are never suggested, as
// `nextword.inference.suggestion.user_words` and `word_cache` have them.

import { dot } from "./arithmetic.js";
import { caseFolded, isPrintable } from "./characters.js";
import { remember, rememberedValue } from "./memory.js";

const MAX_WORDS = 10000;
const MAX_CHARACTERS = 64;
const MAX_USES = 500;
const THETA = 10;
const BASE_WEIGHT = 0.01;
const WEIGHT = 0.1;

/** The words with their counts, in the order of their last use, kept in the browser if it allows. */
export class UserWords {
  constructor(key) {
    this.key = key;
    this.counts = new Map();
    this.forgotten = new Map();
    this.read();
    globalThis.addEventListener?.("storage", () => this.read()); // of what another tab has learned
  }

  read() {
    const { words = [], forgotten = [] } = rememberedValue(this.key) ?? {};
    this.counts = new Map(words.filter(([word, count]) => isLearnable(word) && Number.isSafeInteger(count)));
    this.forgotten = new Map(forgotten.filter(isShowable).map((word) => [caseFolded(word), word]));
  }

  learn(word) {
    const count = this.counts.get(word) ?? 0;
    this.counts.delete(word);
    this.counts.set(word, count + 1);
    this.forgotten.delete(caseFolded(word));
    if (this.counts.size > MAX_WORDS) this.counts.delete(this.counts.keys().next().value);
  }

  forget(word) {
    this.forgotten.set(caseFolded(word), word);
    this.counts = new Map([...this.counts].filter(([other]) => !this.isForgotten(other)));
    this.save();
  }

  /** Suggest a forgotten word again. */
  allow(word) {
    this.forgotten.delete(caseFolded(word));
    this.save();
  }

  /** Returns whether a word was forgotten, whatever its case and whether or not it is in the vocabulary. */
  isForgotten(word) {
    return this.forgotten.size > 0 && this.forgotten.has(caseFolded(word));
  }

  save() {
    remember(this.key, JSON.stringify({ words: [...this.counts], forgotten: [...this.forgotten.values()] }));
  }
}

/** Returns whether a word can be learned: printable, not too long, with a letter and without spaces. */
export function isLearnable(word) {
  return isShowable(word) && /\p{L}/u.test(word);
}

/** Returns whether a word can be suggested, and so be forgotten: a number or a mark, too. */
function isShowable(word) {
  const isWord = typeof word === "string" && Array.from(word).length <= MAX_CHARACTERS && isPrintable(word);
  return isWord && /^[^ ]+$/.test(word) && !["<unk>", "<eos>"].includes(word.toLowerCase());
}

/**
 * Returns the words outside the vocabulary after a text, and the factor of the words in it: `{words, probabilities,
 * factor}`. A word is probable where the state of the model is as it was before earlier uses of the word.
 *
 * `counts` has the number of uses of each word, `uses` their latest `{word, hidden}`, `hidden` is the state now, and
 * `unknown` the probability of `<unk>`.
 */
export function wordsOutside(counts, uses, hidden, unknown) {
  const weights = new Map([...counts].map(([word, count]) => [word, BASE_WEIGHT * Math.log1p(count)]));
  for (const use of uses.slice(-MAX_USES)) {
    weights.set(use.word, (weights.get(use.word) ?? 0) + Math.exp(THETA * (similarity(hidden, use.hidden) - 1)));
  }
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const share = (WEIGHT * total) / (1 + total);
  const factor = (WEIGHT + (1 - share) * unknown) / (1 + total);
  const probabilities = Array.from(weights.values(), (weight) => weight * factor);
  return { words: [...weights.keys()], probabilities, factor: 1 - share };
}

const similarity = (a, b) => (2 * dot(a, b)) / Math.max(dot(a, a) + dot(b, b), 1e-38);
