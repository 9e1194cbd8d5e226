// Next words and completions for tokens that are words, as `nextword.inference.suggestion.word_candidates` has them.

import { caseFolded } from "./characters.js";
import { capitalized, inCaseOf } from "./lexicon.js";
import { topK } from "./sampling.js";

const CASE_WEIGHT = 0.1;

/** The possible words after a text, in the vocabulary and outside it; each answer is a list of `{text, probability}`. */
export class WordCandidates {
  constructor(logProbs, lexicon, outside, isForgotten) {
    this.lexicon = lexicon;
    const isShown = (word) => lexicon.isShown[word] && !isForgotten(lexicon.words[word]);
    const shown = (value, word) => (isShown(word) ? value * outside.factor : 0);
    this.known = lexicon.wordProbabilities(logProbs).map(shown);
    this.outside = outside;
  }

  nextWords(k) {
    const { words } = this.lexicon;
    const values = Float64Array.from([...this.known, ...this.outside.probabilities]);
    const textAt = (index) => words[index] ?? this.outside.words[index - words.length];
    return topK(values, k).map((index) => ({ text: textAt(index), probability: values[index] }));
  }

  /** Returns the most probable words, capitalized; words that differ only in case are merged. */
  sentenceBeginnings(k) {
    const best = topK(this.outside.probabilities, k);
    const outside = new Map(best.map((index) => [this.outside.words[index], this.outside.probabilities[index]]));
    const { found } = this.#bestSpellings("", this.known, outside, k);
    return found.map(({ text, probability }) => ({ text: capitalized(text), probability }));
  }

  /** Returns the most probable words that begin with a prefix, with their probabilities among all such words. */
  completions(prefix, k) {
    const { words } = this.lexicon;
    const known = this.known.map((value, word) => (words[word].startsWith(prefix) ? value : CASE_WEIGHT * value));
    const folded = caseFolded(prefix);
    const outside = new Map();
    this.outside.words.forEach((word, index) => {
      const value = this.outside.probabilities[index];
      if (value > 0 && caseFolded(word).startsWith(folded)) {
        outside.set(word, word.startsWith(prefix) ? value : CASE_WEIGHT * value);
      }
    });
    const { found, total } = this.#bestSpellings(prefix, known, outside, k);
    return found.map(({ text, probability }) => ({ text: inCaseOf(prefix, text), probability: probability / total }));
  }

  /** Returns a word for each of the best spellings that begin with a prefix, and the weight of all. */
  #bestSpellings(prefix, known, outside, k) {
    const { lexicon } = this;
    const folded = caseFolded(prefix);
    const candidates = new Map(); // of each spelling, the words and their weights
    for (const [spelling, words] of lexicon.spellings) {
      const weighted = () => words.map((word) => [lexicon.words[word], known[word]]);
      if (spelling.startsWith(folded)) candidates.set(spelling, weighted());
    }
    for (const [word, value] of outside) {
      const spelling = caseFolded(word);
      candidates.set(spelling, [...(candidates.get(spelling) ?? []), [word, value]]);
    }
    const spelled = [...candidates.values()];
    const values = spelled.map((words) => words.reduce((sum, [, value]) => sum + value, 0));
    const wordAt = (index) => ({ text: bestWord(spelled[index], prefix), probability: values[index] });
    return { found: topK(values, k).map(wordAt), total: values.reduce((sum, value) => sum + value, 0) };
  }
}

/** Returns the most probable word, preferably in the case of the prefix. */
function bestWord(words, prefix) {
  const fits = ([word, value]) => word.startsWith(prefix) && value > 0;
  const isBetter = (word, best) => (fits(word) === fits(best) ? word[1] > best[1] : fits(word));
  return words.reduce((best, word) => (isBetter(word, best) ? word : best))[0];
}
