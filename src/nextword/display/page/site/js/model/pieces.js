// Tidy texts cut into pieces `{text, start}`, by the regular expressions of `nextword.text.tokens.pre_tokens`. They match
// kinds of characters, since classes of thousands of characters would make them slow: a letter for each UTF-16 unit,
// W in words, A apostrophe, M mark, space, and ~ for the second unit of a character.

import { isSpace } from "./characters.js";

const LONGEST_WORD = 64;
const BRACKETS = "([{\u00ab";
const QUOTES = "\"'\u2018\u201c";

const MARK = / ?(?:M~?|(?<!W~?)A|A(?!W)) ?/g;
const BETWEEN_WORDS = /(?<=W~?) (?=W)/g;
const SPACED = new RegExp(` ?(?:(?:W~?|(?<=W~?)A(?=W)){1,${LONGEST_WORD}}|(?:[MA]~?){1,${LONGEST_WORD}})`, "g");
const TRAILING_WORD = /$(?<=((?:W~?|(?<=W~?)A(?=W|$))*))/; // from the end, which takes no time of long texts
const WORD_PART = /^ ?(?:W~?|A)+$/;

/** The pieces that a tokenizer makes, and what a word is. */
export class Pieces {
  /**
   * @param {string} kind
   * @param {number[]} wordCharacters ranges of code points: gap and length by turns
   * @param {string[]} tokens the vocabulary
   */
  constructor(kind, wordCharacters, tokens) {
    const alphabet = tokens.filter((token) => Array.from(token).length === 1);
    const known = alphabet.map((character) => `\\u{${character.codePointAt(0)?.toString(16)}}`).join("");
    this.kind = kind;
    this.word = new RegExp(`[${rangesOf(wordCharacters)}]`, "u");
    this.strangers = new RegExp(` ?[^ ${known}]+`, "gu");
    this.kinds = new Map(Object.entries({ " ": " ", "'": "A", "\u2019": "A" }));
  }

  /** Returns the pieces of a tidy text. */
  of(text) {
    const whole = { text, kinds: this.kindsOf(text), start: 0 };
    switch (this.kind) {
      case "pretokenized":
        return split(whole, / /g, false);
      case "character":
        return split(whole, /.~?/g);
      case "subword": // a run of characters outside the alphabet is a part of its own
        return split(whole, this.strangers, true, text).flatMap((part) => split(part, SPACED));
      default:
        return split(whole, MARK).flatMap((part) => split(part, BETWEEN_WORDS, false));
    }
  }

  /** Returns whether a text begins with a character of words. */
  isWord(text) {
    const [first = ""] = text;
    return this.kindOf(first).startsWith("W");
  }

  /** Returns whether a token can be a part of a word. */
  isWordPart(token) {
    return WORD_PART.test(this.kindsOf(token)) || (this.kind === "subword" && token === " ");
  }

  /** Returns the word at the end of a text, which may be incomplete; an apostrophe right after a word is part of it. */
  trailingWord(text) {
    return text.slice(text.length - (TRAILING_WORD.exec(this.kindsOf(text))?.[1].length ?? 0));
  }

  kindsOf(text) {
    return Array.from(text, (character) => this.kindOf(character)).join("");
  }

  kindOf(character) {
    const kind = this.kinds.get(character) ?? (this.word.test(character) ? "W" : "M") + (character[1] ? "~" : "");
    this.kinds.set(character, kind);
    return kind;
  }
}

/** Returns whether a text ends with an opening bracket or quote, which no space follows. */
export function isOpened(text) {
  const [before, last] = [" ", " ", ...text.slice(-2)].slice(-2);
  return BRACKETS.includes(last) || (QUOTES.includes(last) && (isSpace(before) || BRACKETS.includes(before)));
}

/** Returns the parts of a piece between the matches of a pattern, and the matches, unless these are dropped. */
function split({ text, kinds, start }, pattern, keepsMatches = true, matched = kinds) {
  const parts = [];
  const add = (from, to) => {
    if (from < to) parts.push({ text: text.slice(from, to), kinds: kinds.slice(from, to), start: start + from });
  };
  let last = 0;
  for (const { 0: match, index } of matched.matchAll(pattern)) {
    add(last, index);
    if (keepsMatches) add(index, index + match.length);
    last = index + match.length;
  }
  add(last, text.length);
  return parts;
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
