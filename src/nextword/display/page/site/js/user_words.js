// Words outside the vocabulary that a person types, as `nextword.inference.suggestion.user_words` and `word_cache` have them.

import { isPrintable } from "./characters.js";

const MOST_WORDS = 10000;
const LONGEST = 64;
const MOST_USES = 500;
const THETA = 10;
const BASE_WEIGHT = 0.01;
const WEIGHT = 0.1;

/** The words with their counts, in the order of their last use, kept in the browser if it allows. */
export class UserWords {
  constructor(key) {
    this.key = key;
    this.counts = new Map();
    this.forgotten = new Set();
    this.#load();
  }

  learn(word) {
    const count = this.counts.get(word) ?? 0;
    this.counts.delete(word);
    this.counts.set(word, count + 1);
    this.forgotten.delete(word);
    if (this.counts.size > MOST_WORDS) {
      this.counts.delete(this.counts.keys().next().value);
    }
  }

  forget(word) {
    this.counts.delete(word);
    this.forgotten.add(word);
    this.save();
  }

  save() {
    try {
      localStorage.setItem(this.key, JSON.stringify({ words: [...this.counts], forgotten: [...this.forgotten] }));
    } catch {
      // A page from a disk, or in a private window, may not be allowed to: then the words last as long as the page.
    }
  }

  #load() {
    try {
      const { words, forgotten } = JSON.parse(localStorage.getItem(this.key));
      this.counts = new Map(words.filter(([word, count]) => isLearnable(word) && Number.isSafeInteger(count)));
      this.forgotten = new Set(forgotten.filter(isLearnable));
    } catch {
      // There are none.
    }
  }
}

/** Returns whether a word can be learned: printable, not too long, with a letter and without spaces. */
export function isLearnable(word) {
  if (
    typeof word !== "string" ||
    !word ||
    Array.from(word).length > LONGEST ||
    !isPrintable(word) ||
    word.includes(" ")
  ) {
    return false;
  }
  return /\p{L}/u.test(word) && !["<unk>", "<eos>"].includes(word.toLowerCase());
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
  for (const use of uses.slice(-MOST_USES)) {
    weights.set(use.word, (weights.get(use.word) ?? 0) + Math.exp(THETA * (similarity(hidden, use.hidden) - 1)));
  }
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const share = (WEIGHT * total) / (1 + total);
  const factor = (WEIGHT + (1 - share) * unknown) / (1 + total);
  return {
    words: [...weights.keys()],
    probabilities: [...weights.values()].map((weight) => weight * factor),
    factor: 1 - share,
  };
}

function similarity(a, b) {
  let product = 0;
  let squares = 0;
  for (let index = 0; index < a.length; index++) {
    product += a[index] * b[index];
    squares += a[index] ** 2 + b[index] ** 2;
  }
  return (2 * product) / Math.max(squares, 1e-38);
}
