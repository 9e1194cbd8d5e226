// "Beat the model": the rules, without the page.
//
// A player who bets the share c on a guess has the distribution
//   q(guess) = c,   q(w) = (1 - c) p(w) / (1 - p(guess)) for every other word w,
// where p is the model's. It sums to one, so its perplexity compares with the model's over the same words: the player
// gains only by knowing more than the model, and by betting what the guess is worth. Without a guess, q = p.

const NUM_QUESTIONS = 10;
const MAX_WORDS = 400;

/** Return the words of a scored text that can be asked for, all known: { start, end, word, logProb, alternatives }. */
export function askableWords(text, tokens) {
  const words = [];
  for (const match of text.matchAll(/[\p{L}\p{M}\p{N}]+(?:['\u2019][\p{L}\p{M}\p{N}]+)*/gu)) {
    const [start, end] = [match.index, match.index + match[0].length];
    const parts = tokens.filter((token) => token.end > start && token.start < end);
    if (!parts.length || parts.some((token) => token.isUnknown) || !/\p{L}/u.test(match[0])) continue;
    const logProb = parts.reduce((sum, token) => sum + token.logProb, 0);
    words.push({ start, end, word: match[0], logProb, alternatives: parts[0].alternatives });
  }
  return words;
}

/** Return the words to ask for: spread evenly, after some words of context. */
export function questionsFrom(words, count = NUM_QUESTIONS) {
  const lead = Math.min(12, Math.floor(Math.min(words.length, MAX_WORDS) / 3));
  const rest = words.slice(lead, MAX_WORDS);
  const asked = Math.min(count, rest.length);
  return Array.from({ length: asked }, (_, index) => rest[Math.floor(((index + 0.5) * rest.length) / asked)]);
}

/** Return whether a guess is the word, in any case. */
export function isSame(guess, word) {
  const plain = (text) => text.trim().toLowerCase().replaceAll("\u2019", "'");
  return plain(guess) === plain(word);
}

/** Return the player's log-probability of the actual word.
 *
 * @param isRight whether the guess is the word
 * @param sure the share bet on the guess, between 0 and 1
 * @param logProb the model's log-probability of the actual word
 * @param guessProbability the model's probability of the guess
 */
export function playerLogProb({ isRight, sure, logProb, guessProbability }) {
  if (isRight) return Math.log(sure);
  const rest = Math.max(1 - guessProbability, Math.exp(logProb));
  return Math.log1p(-sure) + logProb - Math.log(rest);
}

/** Return the perplexity of log-probabilities. */
export function perplexityOf(logProbs) {
  return Math.exp(-logProbs.reduce((sum, value) => sum + value, 0) / logProbs.length);
}
