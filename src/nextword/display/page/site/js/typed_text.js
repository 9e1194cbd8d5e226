// The tokens of a text while it is typed, as `nextword.inference.suggestion.typed_text` has them.

import { isBlank, isSpace } from "./characters.js";
import { trailingWord } from "./pieces.js";
import { END, joined } from "./tokenizer.js";
import { knownDashes, knownPieces } from "./typed_marks.js";

/**
 * Returns `{pieces, prefix, unread}` of a typed text.
 *
 * `prefix` is the word being typed. The `pieces` `{text, id}` are those before it; of a character model, all. `unread`
 * is the typed part of the next word that is in no piece: for subwords, `prefix` with the space before it.
 */
export function typedText(tokenizer, text, { lowerCase }) {
  const { kind } = tokenizer;
  const prefix =
    kind === "pretokenized" ? /[^\t\v\f \r\n]*$/.exec(text)[0] : trailingWord(text, tokenizer.isWordCharacter);
  const before = text.slice(0, text.length - prefix.length);
  const isCut = prefix && kind !== "character";
  const pieces = isCut
    ? cut(tokenizer, before, { lowerCase, isBeforeWord: true })
    : promptPieces(tokenizer, text, { lowerCase });
  const unread = kind === "subword" && isSpaced(tokenizer, before) ? ` ${prefix}` : prefix;
  return { pieces, prefix, unread };
}

/** Returns the pieces of a whole text whose last word is complete. */
export function promptPieces(tokenizer, text, { lowerCase }) {
  return tokenizer.continued(text, cut(tokenizer, text, { lowerCase, isBeforeWord: false }));
}

/** Returns whether a text ends with white space after words of the same line or paragraph. */
export function isSpaced(tokenizer, text) {
  const last = tokenizer.segments(text).at(-1);
  return Boolean(text) && isSpace(text.at(-1)) && Boolean(last) && !last.isEnded && !isBlank(joined(last.characters));
}

/** Returns whether the next word begins a sentence, from the texts of the pieces before it. */
export function beginsSentence(texts) {
  for (const text of texts.toReversed()) {
    const mark = Array.from(text.replaceAll(/^ +| +$/g, ""));
    const isEnd =
      mark.some((each) => SENTENCE_ENDS.has(each)) && mark.every((each) => SENTENCE_ENDS.has(each) || QUOTES.has(each));
    if (text === END || isEnd) {
      return true;
    }
    if (!mark.every((each) => QUOTES.has(each))) {
      return false;
    }
  }
  return true;
}

const SENTENCE_ENDS = new Set(".!?\u2026\u3002\uff01\uff1f");
const QUOTES = new Set("\"'\u2018\u2019\u201c\u201d\u00ab\u00bb()[]{}");

function cut(tokenizer, text, { lowerCase, isBeforeWord }) {
  const pieces = [];
  for (const { characters, isEnded } of tokenizer.segments(text)) {
    const isOpenMark = characters.length && isSpace(text.at(-1)) && isMark(tokenizer, characters.at(-1).character);
    if (!isEnded && isBeforeWord && tokenizer.kind === "word" && isOpenMark) {
      characters.push({ character: " ", start: 0, end: 0 });
    }
    const isLowered = lowerCase && tokenizer.kind === "subword";
    const read = isLowered ? joined(characters).toLowerCase() : joined(characters);
    for (const piece of knownPieces(tokenizer, knownDashes(tokenizer, read))) {
      const id = lowerCase && piece.id === tokenizer.unknownId ? tokenizer.idOf(piece.text.toLowerCase()) : piece.id;
      pieces.push({ text: piece.text, id });
    }
    if (isEnded) {
      pieces.push({ text: END, id: tokenizer.endId });
    }
  }
  return pieces;
}

function isMark(tokenizer, text) {
  return !tokenizer.isWordCharacter(text);
}
