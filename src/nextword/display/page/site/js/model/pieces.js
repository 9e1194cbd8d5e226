// Tidy texts cut into pieces `{text, start}`, by the regular expressions of `nextword.text.tokens.pieces`.

import { isSpace } from "./characters.js";

const LONGEST_WORD = 64;
const APOSTROPHES = "'\u2019";
const BRACKETS = "([{\u00ab";
const QUOTES = "\"'\u2018\u201c";

/** The pieces that a tokenizer makes, and what a word is. */
export class Pieces {
  /**
   * @param {string} kind
   * @param {number[]} wordCharacters ranges of code points: gap and length by turns
   * @param {string[]} tokens the vocabulary
   */
  constructor(kind, wordCharacters, tokens) {
    const word = rangesOf(wordCharacters);
    const joint = `(?<=[${word}])[${APOSTROPHES}]`;
    const alphabet = tokens.filter((token) => Array.from(token).length === 1);
    const known = alphabet.map((each) => `\\u{${each.codePointAt(0)?.toString(16)}}`).join("");
    this.kind = kind;
    this.word = new RegExp(`^[${word}]`, "u");
    this.wordPart = new RegExp(`^ ?[${word}${APOSTROPHES}]+$`, "u");
    this.mark = new RegExp(
      ` ?(?:[^${word}${APOSTROPHES} ]|(?<![${word}])[${APOSTROPHES}]|[${APOSTROPHES}](?![${word}])) ?`,
      "gu",
    );
    this.betweenWords = new RegExp(`(?<=[${word}]) (?=[${word}])`, "gu");
    this.spaced = new RegExp(
      ` ?(?:(?:[${word}]|${joint}(?=[${word}])){1,${LONGEST_WORD}}|[^${word} ]{1,${LONGEST_WORD}})`,
      "gu",
    );
    this.strangers = new RegExp(` ?[^ ${known}]+`, "gu");
    this.trailing = new RegExp(`(?:[${word}]|${joint}(?=[${word}]|$))*$`, "u");
  }

  /** Returns the pieces of a tidy text. */
  of(text) {
    const whole = { text, start: 0 };
    switch (this.kind) {
      case "pretokenized":
        return split(whole, / /g, false);
      case "character":
        return split(whole, /./gsu);
      case "subword": // a run of characters outside the alphabet is a part of its own
        return split(whole, this.strangers).flatMap((part) => split(part, this.spaced));
      default:
        return split(whole, this.mark).flatMap((part) => split(part, this.betweenWords, false));
    }
  }

  /** Returns whether a text begins with a character of words. */
  isWord(text) {
    return this.word.test(text);
  }

  /** Returns whether a token can be a part of a word. */
  isWordPart(token) {
    return this.wordPart.test(token) || (this.kind === "subword" && token === " ");
  }

  /** Returns the word at the end of a text, which may be incomplete; an apostrophe right after a word is part of it. */
  trailingWord(text) {
    return this.trailing.exec(text)?.[0] ?? "";
  }
}

/** Returns whether a text ends with an opening bracket or quote, which no space follows. */
export function isOpened(text) {
  const [before, last] = [" ", " ", ...text].slice(-2);
  return BRACKETS.includes(last) || (QUOTES.includes(last) && (isSpace(before) || BRACKETS.includes(before)));
}

/** Returns the parts of a piece between the matches of a pattern, and the matches, unless these are dropped. */
function split({ text, start }, pattern, keepsMatches = true) {
  const parts = [];
  let last = 0;
  for (const { 0: match, index } of text.matchAll(pattern)) {
    parts.push({ text: text.slice(last, index), start: start + last });
    if (keepsMatches) parts.push({ text: match, start: start + index });
    last = index + match.length;
  }
  parts.push({ text: text.slice(last), start: start + last });
  return parts.filter((part) => part.text);
}

function rangesOf(differences) {
  let ranges = "";
  let stop = 0;
  for (let index = 0; index < differences.length; index += 2) {
    const first = stop + differences[index];
    stop = first + differences[index + 1];
    ranges += `\\u{${first.toString(16)}}-\\u{${(stop - 1).toString(16)}}`;
  }
  return ranges;
}
