// Lines and paragraphs cut into pieces, exactly as `nextword.text.tokens.pieces` and `nextword.text.tokens.subwords` do it.
// A text is a list of characters `{character, start, end}`, and a piece is a part of that list.

import { isSpace } from "./characters.js";

const LONGEST_WORD = 64;
const APOSTROPHES = new Set(["'", "\u2019"]);
const BRACKETS = "([{\u00ab";
const QUOTES = "\"'\u2018\u201c";

/** Returns the pieces of tidy characters. */
export function piecesOf(characters, kind, isWordCharacter, alphabet) {
  switch (kind) {
    case "pretokenized":
      return splitAt(characters, ({ character }) => character === " ");
    case "character":
      return characters.map((each) => [each]);
    case "subword":
      return withoutStrangers(characters, alphabet).flatMap((part) => spacedPieces(part, isWordCharacter));
    default:
      return wordPieces(characters, isWordCharacter);
  }
}

/** Returns the word at the end of a text, which may be incomplete; an apostrophe right after a word is part of it. */
export function trailingWord(text, isWordCharacter) {
  const characters = Array.from(text);
  const joins = (place) =>
    APOSTROPHES.has(characters[place]) &&
    place > 0 &&
    isWordCharacter(characters[place - 1]) &&
    (place + 1 === characters.length || isWordCharacter(characters[place + 1]));
  let start = characters.length;
  while (start && (isWordCharacter(characters[start - 1]) || joins(start - 1))) {
    start -= 1;
  }
  return characters.slice(start).join("");
}

/** Returns whether a text ends with an opening bracket or quote, which no space follows. */
export function isOpened(text) {
  const [before, last] = [" ", " ", ...text].slice(-2);
  return BRACKETS.includes(last) || (QUOTES.includes(last) && (isSpace(before) || BRACKETS.includes(before)));
}

export function isApostrophe(character) {
  return APOSTROPHES.has(character);
}

/** Cuts a piece into the longest tokens from the left; if that fails somewhere, the whole piece is unknown. */
export function subwordPieces(piece, tokenizer) {
  if (piece.length > LONGEST_WORD + 1) {
    return [asUnknown(piece)];
  }
  const found = [];
  let start = 0;
  while (start < piece.length) {
    let end = Math.min(piece.length, start + tokenizer.longest);
    while (end > start && !tokenizer.has(textOf(piece, start, end))) {
      end -= 1;
    }
    if (end === start) {
      return [asUnknown(piece)];
    }
    found.push(piece.slice(start, end));
    start = end;
  }
  return found;
}

function asUnknown(piece) {
  return Object.assign([...piece], { isUnknown: true });
}

/** Words, and marks with the spaces beside them; only the space between two words is in no piece. */
function wordPieces(characters, isWordCharacter) {
  const kinds = kindsOf(characters, isWordCharacter);
  const pieces = [];
  let start = 0; // of the characters before the next mark
  for (let place = 0; place < characters.length; place++) {
    const first = kinds[place] === "space" && kinds[place + 1] === "mark" ? place + 1 : place;
    if (kinds[first] !== "mark") {
      continue;
    }
    const end = kinds[first + 1] === "space" ? first + 2 : first + 1;
    pieces.push(...wordsOf(characters, kinds, start, place), characters.slice(place, end));
    start = end;
    place = end - 1;
  }
  return [...pieces, ...wordsOf(characters, kinds, start, characters.length)];
}

function wordsOf(characters, kinds, start, end) {
  const pieces = [];
  let first = start;
  for (let place = start + 1; place < end - 1; place++) {
    if (kinds[place] === "space" && isWordKind(kinds[place - 1]) && isWordKind(kinds[place + 1])) {
      pieces.push(characters.slice(first, place));
      first = place + 1;
    }
  }
  return first < end ? [...pieces, characters.slice(first, end)] : pieces;
}

/** Returns what each character is: "word", "joint" (an apostrophe inside a word), "mark" or "space". */
function kindsOf(characters, isWordCharacter) {
  const isWord = characters.map(({ character }) => isWordCharacter(character));
  return characters.map(({ character }, place) => {
    if (isWord[place]) {
      return "word";
    }
    if (character === " ") {
      return "space";
    }
    return APOSTROPHES.has(character) && isWord[place - 1] && isWord[place + 1] ? "joint" : "mark";
  });
}

function isWordKind(kind) {
  return kind === "word";
}

/** A run of characters outside the alphabet, with the space before it, is a part of its own. */
function withoutStrangers(characters, alphabet) {
  const isStranger = (place) => place < characters.length && !alphabet.has(characters[place].character);
  const parts = [];
  let start = 0;
  for (let place = 0; place < characters.length; place++) {
    const first = characters[place].character === " " && isStranger(place + 1) ? place + 1 : place;
    if (!isStranger(first)) {
      continue;
    }
    let end = first + 1;
    while (isStranger(end)) {
      end += 1;
    }
    if (start < place) {
      parts.push(characters.slice(start, place));
    }
    parts.push(characters.slice(place, end));
    start = end;
    place = end - 1;
  }
  return start < characters.length ? [...parts, characters.slice(start)] : parts;
}

/** A word or a row of marks, with the space before it; at most 64 characters without that space. */
function spacedPieces(characters, isWordCharacter) {
  const kinds = kindsOf(characters, isWordCharacter);
  const isWord = (place) => kinds[place] === "word" || kinds[place] === "joint";
  // A row of marks takes apostrophes too, wherever they are.
  const isMark = (place) => kinds[place] === "mark" || kinds[place] === "joint";
  const pieces = [];
  let start = 0; // of characters in no piece so far
  let place = 0;
  while (place < characters.length) {
    const first = kinds[place] === "space" ? place + 1 : place;
    const belongs = isWord(first) ? isWord : isMark;
    let end = first;
    while (end < first + LONGEST_WORD && end < characters.length && belongs(end)) {
      end += 1;
    }
    if (end === first) {
      place += 1;
      continue;
    }
    if (start < place) {
      pieces.push(characters.slice(start, place));
    }
    pieces.push(characters.slice(place, end));
    start = place = end;
  }
  return start < characters.length ? [...pieces, characters.slice(start)] : pieces;
}

function splitAt(characters, isCut) {
  const pieces = [];
  let piece = [];
  for (const each of characters) {
    if (isCut(each)) {
      pieces.push(piece);
      piece = [];
    } else {
      piece.push(each);
    }
  }
  return [...pieces, piece].filter((part) => part.length);
}

function textOf(piece, start, end) {
  let text = "";
  for (let place = start; place < end; place++) {
    text += piece[place].character;
  }
  return text;
}
