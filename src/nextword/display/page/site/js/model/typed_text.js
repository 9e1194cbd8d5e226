// The tokens of a text while it is typed, as `nextword.inference.suggestion.typed_text` has them.

import { isBlank, isSpace } from "./characters.js";
import { END, stripped } from "./tokenizer.js";

/** Quotes and dashes are read in the form that a vocabulary has, as `nextword.inference.suggestion.typed_text` does. */
const OPENING = /(?<![^ ([{\u2014-])["']/g;
const OPENED = { '"': "\u201c", "'": "\u2018" };
const CLOSED = { '"': "\u201d", "'": "\u2019" };
const STRAIGHT = { "\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'" };

/**
 * Returns `{pieces, prefix, unread}` of a typed text.
 *
 * `prefix` is the word being typed. The `pieces` `{text, id}` are those before it; of a character model, all. `unread`
 * is the typed part of the next word that is in no piece: for subwords, `prefix` with the space before it.
 */
export function typedText(tokenizer, text, { lowerCase }) {
  const { kind } = tokenizer;
  const prefix = kind === "pretokenized" ? text.slice(text.search(/[^\t-\r ]*$/)) : tokenizer.cuts.trailingWord(text);
  const before = text.slice(0, text.length - prefix.length);
  const unread = kind === "subword" && isSpaced(tokenizer, before) ? ` ${prefix}` : prefix;
  if (!prefix || kind === "character") return { pieces: promptPieces(tokenizer, text, { lowerCase }), prefix, unread };
  return { pieces: cut(tokenizer, before, { lowerCase, isBeforeWord: true }), prefix, unread };
}

/** Returns the pieces of a whole text whose last word is complete. */
export function promptPieces(tokenizer, text, { lowerCase }) {
  return tokenizer.continued(text, cut(tokenizer, text, { lowerCase, isBeforeWord: false }));
}

/** Returns whether a text ends with white space after words of the same line or paragraph. */
export function isSpaced(tokenizer, text) {
  const last = tokenizer.segments(text).at(-1);
  return Boolean(text) && isSpace(text.at(-1)) && Boolean(last) && !last.isEnded && !isBlank(last.tidy);
}

/** Returns whether the next word begins a sentence, from the texts of the pieces before it. */
export function beginsSentence(texts) {
  const last = texts.findLast((text) => !QUOTES.test(stripped(text)));
  return last === undefined || last === END || SENTENCE_END.test(stripped(last));
}

const QUOTES = /^["'\u2018\u2019\u201c\u201d\u00ab\u00bb()[\]{}]*$/;
const SENTENCE_END = /^[.!?\u2026\u3002\uff01\uff1f"'\u2018\u2019\u201c\u201d\u00ab\u00bb()[\]{}]+$/;

function cut(tokenizer, text, { lowerCase, isBeforeWord }) {
  const pieces = [];
  for (const { tidy, isEnded } of tokenizer.segments(text)) {
    const isOpenMark = tidy && isSpace(text.at(-1)) && !tokenizer.cuts.isWord(Array.from(tidy).at(-1));
    const spaced = !isEnded && isBeforeWord && tokenizer.kind === "word" && isOpenMark ? `${tidy} ` : tidy;
    const read = lowerCase && tokenizer.kind === "subword" ? spaced.toLowerCase() : spaced;
    for (const piece of knownPieces(tokenizer, knownDashes(tokenizer, read))) {
      const id = lowerCase && piece.id === tokenizer.unknownId ? tokenizer.idOf(piece.text.toLowerCase()) : piece.id;
      pieces.push({ text: piece.text, id });
    }
    if (isEnded) pieces.push({ text: END, id: tokenizer.endId });
  }
  return pieces;
}

/** Returns a text with `--` as an em dash if only that is in the vocabulary, and the other way round. */
function knownDashes(tokenizer, text) {
  const hasDash = ["\u2014", " \u2014", "\u2014 ", " \u2014 "].some((dash) => tokenizer.has(dash));
  if (!hasDash) return text.replaceAll("\u2014", "--");
  return tokenizer.has("--") || tokenizer.has(" --") ? text : text.replaceAll("--", "\u2014");
}

/** Returns the tokens of a tidy text; each that is unknown with other quotes, if these help. */
function knownPieces(tokenizer, text) {
  const cut = (form) => tokenizer.cut(form);
  const isKnown = ({ id }) => id !== tokenizer.unknownId;
  const pieces = cut(text);
  if (pieces.every(isKnown)) return pieces;
  const closed = (form) => form.replaceAll(/["']/g, (quote) => CLOSED[quote]);
  const curly = closed(text.replaceAll(OPENING, (quote) => OPENED[quote]));
  const forms = [curly, closed(text), text.replaceAll(/[\u2018\u2019\u201c\u201d]/g, (quote) => STRAIGHT[quote])];
  if (tokenizer.kind === "subword") {
    // its pieces depend on the characters that are known
    const characters = forms.map((form) => Array.from(form));
    return cut(firstOf(Array.from(text), characters, (character) => tokenizer.has(character)).join(""));
  }
  const others = forms.map(cut).filter(({ length }) => length === pieces.length);
  return firstOf(pieces, others, isKnown);
}

/** Returns values, each that is not wanted replaced by that of another list, if one has a wanted one there. */
function firstOf(values, others, isWanted) {
  return values.map((value, index) => [value, ...others.map((other) => other[index])].find(isWanted) ?? value);
}
