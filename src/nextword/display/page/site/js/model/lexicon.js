// The words of a vocabulary, as `nextword.inference.suggestion.lexicon` has them; tokens that differ only in spaces are one word.

import { caseFolded, isPrintable } from "./characters.js";
import { stripped } from "./tokenizer.js";

const MAX_CAPITALIZED = 0.01;

/**
 * `words` are without spaces, in the order of their first token; `<unk>` and `<eos>` are not words. `spellings` are
 * pairs of a spelling and its words: they differ only in case or in the form of apostrophes.
 */
export class Lexicon {
  constructor(tokenizer) {
    const numbers = new Map();
    this.wordOf = new Int32Array(tokenizer.pieces.length);
    this.firstTokens = [];
    tokenizer.pieces.forEach((token, id) => {
      this.wordOf[id] = -1;
      if (id === tokenizer.unknownId || id === tokenizer.endId) return;
      const word = bare(token);
      const number = numbers.get(word) ?? numbers.size;
      if (number === numbers.size) this.firstTokens.push(id);
      numbers.set(word, number);
      this.wordOf[id] = number;
    });
    this.words = [...numbers.keys()];
    this.isShown = this.words.map((word) => Boolean(word.trim()) && isPrintable(word));
    this.isLowerCased = isLowerCased(this.words);
    const spelled = new Map();
    this.words.forEach((word, number) => {
      const spelling = caseFolded(word);
      spelled.set(spelling, [...(spelled.get(spelling) ?? []), number]);
    });
    this.spellings = [...spelled].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Returns the probability of each word from the log-probabilities of the tokens. */
  wordProbabilities(logProbs) {
    const sums = new Float64Array(this.words.length);
    logProbs.forEach((value, id) => {
      if (this.wordOf[id] >= 0) sums[this.wordOf[id]] += Math.exp(value);
    });
    return sums;
  }
}

/** Returns a word with its first letter capitalized. */
export function capitalized(word) {
  const [first = "", ...rest] = word;
  return first.toUpperCase() + rest.join("");
}

/** Returns a word in the case of its typed prefix, unchanged, capitalized or in capitals, and with its apostrophes. */
export function inCaseOf(typed, found) {
  const [other, own] = typed.includes("'") ? ["\u2019", "'"] : ["'", "\u2019"];
  const word = typed.includes(own) ? found.replaceAll(other, own) : found;
  const isUpper = (text) => text !== text.toLowerCase() && text === text.toUpperCase();
  const letters = Array.from(typed);
  if (isUpper(typed) && letters.filter(isUpper).length > 1) return word.toUpperCase();
  return isUpper(letters[0] ?? "") ? capitalized(word) : word;
}

/** Returns whether a vocabulary has no capitals: at most 1 % of its words with letters have one. */
function isLowerCased(words) {
  const lettered = words.filter((word) => word.toLowerCase() !== word.toUpperCase());
  return lettered.filter((word) => word !== word.toLowerCase()).length <= MAX_CAPITALIZED * lettered.length;
}

/** Returns a token without one space at each end; a token with more spaces is unchanged. */
function bare(token) {
  const word = stripped(token);
  return [word, ` ${word}`, `${word} `, ` ${word} `].includes(token) ? word : token;
}
