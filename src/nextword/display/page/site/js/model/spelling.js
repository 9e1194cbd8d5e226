// Words that consist of several tokens, found by a beam search as in `nextword.inference.suggestion.spelling`.

import { caseFolded, isPrintable } from "./characters.js";
import { stripped } from "./tokenizer.js";

const WIDTH = 8;
const MAX_TOKENS = 24;

/** The tokens of a vocabulary of characters or subwords that continue or end a word. */
export class WordParts {
  constructor(tokenizer) {
    this.tokenizer = tokenizer;
    this.parts = [];
    this.continuing = [];
    this.ending = [];
    tokenizer.pieces.forEach((text, id) => {
      if (id === tokenizer.unknownId) return;
      const isPart = id !== tokenizer.endId && tokenizer.cuts.isWordPart(text);
      if (isPart) this.parts.push({ id, text, folded: caseFolded(text) });
      (isPart && !text.startsWith(" ") ? this.continuing : this.ending).push(id);
    });
  }

  /** Returns the tokens that begin with all typed letters, and those that are a part of them; case only if needed. */
  compatible(rest) {
    const exact = search(this.parts, rest, "text");
    return exact.covering.length || exact.partial.length ? exact : search(this.parts, caseFolded(rest), "folded");
  }

  isWhole(word) {
    const bare = stripped(word);
    return isPrintable(bare) && this.tokenizer.cuts.isWord(bare) && !/['\u2019]$/.test(bare);
  }
}

/**
 * Returns the most probable words `{text, probability}` after a prediction `{logProbs, state}`, but no forgotten ones.
 *
 * `read` are the letters of the word that are read already, and `unread` those typed but not read.
 */
export function spell(engine, prediction, parts, { read, unread }, k, isForgotten = (_word) => false) {
  let level = [{ probability: 1, word: read, rest: unread, ...prediction }];
  const found = new Map();
  let covered = unread ? 0 : 1;
  for (let length = 0; length <= MAX_TOKENS; length += 1) {
    const extended = [];
    for (const partial of level) {
      const probabilityOf = (ids) => ids.reduce((sum, id) => sum + Math.exp(partial.logProbs[id]), 0);
      if (!partial.rest && parts.isWhole(partial.word) && !isForgotten(stripped(partial.word))) {
        const value = partial.probability * probabilityOf(parts.ending);
        found.set(partial.word, (found.get(partial.word) ?? 0) + value);
      }
      if (partial.rest) covered += partial.probability * probabilityOf(parts.compatible(partial.rest).covering);
      extended.push(...extensions(partial, parts));
    }
    level = extended.sort((a, b) => b.probability - a.probability).slice(0, WIDTH);
    if (!level.length || length === MAX_TOKENS || isSettled(found, level, k)) break;
    level = level.map((partial) => ({ ...partial, ...engine.step(partial.id, partial.state) }));
  }
  const best = [...found].sort(([a, p], [b, q]) => q - p || (a < b ? -1 : 1)).slice(0, k);
  return best
    .filter(([, probability]) => probability > 0)
    .map(([word, probability]) => ({ text: stripped(word), probability: probability / covered }));
}

function extensions(partial, parts) {
  const allowed = partial.rest ? Object.values(parts.compatible(partial.rest)).flat() : parts.continuing;
  const best = allowed.toSorted((a, b) => partial.logProbs[b] - partial.logProbs[a]).slice(0, WIDTH);
  return best.map((id) => {
    const text = parts.tokenizer.pieces[id];
    return {
      probability: partial.probability * Math.exp(partial.logProbs[id]),
      word: partial.word + text,
      rest: withoutPrefix(partial.rest, text),
      state: partial.state,
      id,
    };
  });
}

function isSettled(found, level, k) {
  return found.size >= k && [...found.values()].sort((a, b) => b - a)[k - 1] >= level[0].probability;
}

function search(parts, rest, key) {
  const covering = parts.filter((part) => part[key].startsWith(rest)).map(({ id }) => id);
  const partial = parts.filter((part) => rest.length > part[key].length && rest.startsWith(part[key]));
  return { covering, partial: partial.map(({ id }) => id) };
}

function withoutPrefix(rest, text) {
  return rest.startsWith(text) ? rest.slice(text.length) : caseFolded(rest).slice(caseFolded(text).length);
}
