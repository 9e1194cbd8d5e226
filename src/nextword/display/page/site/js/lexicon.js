// The words of a vocabulary, as `nextword.inference.suggestion.lexicon` has them; tokens that differ only in spaces are one word.

import { caseFolded, isPrintable } from "./characters.js";

const MOST_CAPITALIZED = 0.01;

/**
 * `words` are without spaces, in the order of their first token. Words that differ only in case or
 * in the form of apostrophes share a spelling.
 * `<unk>` and `<eos>` are not words.
 */
export class Lexicon {
  constructor(tokenizer) {
    const numbers = new Map();
    this.wordOf = new Int32Array(tokenizer.pieces.length);
    this.firstTokens = [];
    tokenizer.pieces.forEach((token, id) => {
      if (id === tokenizer.unknownId || id === tokenizer.endId) {
        this.wordOf[id] = -1;
        return;
      }
      const word = bare(token);
      if (!numbers.has(word)) {
        numbers.set(word, numbers.size);
        this.firstTokens.push(id);
      }
      this.wordOf[id] = numbers.get(word);
    });
    this.words = [...numbers.keys()];
    this.isShown = this.words.map((word) => Boolean(word.trim()) && isPrintable(word));
    this.isLowerCased = isLowerCased(this.words);
    this.#foldCase();
  }

  /** Returns the probability of each word from the log-probabilities of the tokens. */
  wordProbabilities(logProbs) {
    const sums = new Float64Array(this.words.length);
    logProbs.forEach((value, id) => {
      if (this.wordOf[id] >= 0) {
        sums[this.wordOf[id]] += Math.exp(value);
      }
    });
    return sums;
  }

  #foldCase() {
    const folded = this.words.map(caseFolded);
    this.spellings = [...new Set(folded)].sort();
    this.spellingNumbers = new Map(this.spellings.map((spelling, number) => [spelling, number]));
    this.spellingOf = folded.map((spelling) => this.spellingNumbers.get(spelling));
    this.wordsOf = this.spellings.map(() => []);
    this.spellingOf.forEach((number, word) => this.wordsOf[number].push(word));
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
  if (isUpper(typed) && letters.filter(isUpper).length > 1) {
    return word.toUpperCase();
  }
  return isUpper(letters[0] ?? "") ? capitalized(word) : word;
}

/** Returns whether a vocabulary has no capitals: at most 1 % of its words with letters have one. */
function isLowerCased(words) {
  const lettered = words.filter((word) => word.toLowerCase() !== word.toUpperCase());
  return lettered.filter((word) => word !== word.toLowerCase()).length <= MOST_CAPITALIZED * lettered.length;
}

/** Returns a token without one space at each end; a token with more spaces is unchanged. */
function bare(token) {
  const word = token.replace(/^ +| +$/g, "");
  return [word, ` ${word}`, `${word} `, ` ${word} `].includes(token) ? word : token;
}
