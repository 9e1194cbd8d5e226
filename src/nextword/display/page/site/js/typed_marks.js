// Quotes and dashes as they are typed, in the form that a vocabulary has, as `nextword.inference.suggestion.typed_marks` does it.

import { charactersOf } from "./tokenizer.js";

const OPENING = /(?<![^ ([{\u2014-])["']/g;
const OPENED = { '"': "\u201c", "'": "\u2018" };
const CLOSED = { '"': "\u201d", "'": "\u2019" };
const STRAIGHT = { "\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'" };

/** Returns a text with `--` as an em dash if only that is in the vocabulary, and the other way round. */
export function knownDashes(tokenizer, text) {
  if (!["\u2014", " \u2014", "\u2014 ", " \u2014 "].some((dash) => tokenizer.has(dash))) {
    return text.replaceAll("\u2014", "--");
  }
  return tokenizer.has("--") || tokenizer.has(" --") ? text : text.replaceAll("--", "\u2014");
}

/** Returns the tokens of a tidy text; each that is unknown with other quotes, if these help. */
export function knownPieces(tokenizer, text) {
  const cut = (form) => tokenizer.cut(charactersOf(form));
  const pieces = cut(text);
  if (pieces.every(({ id }) => id !== tokenizer.unknownId)) {
    return pieces;
  }
  const closed = (form) => form.replaceAll(/["']/g, (quote) => CLOSED[quote]);
  const curly = closed(text.replaceAll(OPENING, (quote) => OPENED[quote]));
  const forms = [curly, closed(text), text.replaceAll(/[\u2018\u2019\u201c\u201d]/g, (quote) => STRAIGHT[quote])];
  const known = (parts, others, isKnown) =>
    parts.map((part, place) => [part, ...others.map((other) => other[place])].find(isKnown) ?? part);
  if (tokenizer.kind === "subword") { // its pieces depend on the characters that are known
    return cut(known(Array.from(text), forms.map((form) => Array.from(form)), (each) => tokenizer.has(each)).join(""));
  }
  const others = forms.map(cut).filter((each) => each.length === pieces.length);
  return known(pieces, others, ({ id }) => id !== tokenizer.unknownId);
}
