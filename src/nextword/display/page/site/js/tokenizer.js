// Text to token ids and back, exactly as `nextword.text.tokens.tokenizer` does it.

import { isBlank, isSpace, printable, wordCharacterTest } from "./characters.js";
import { isOpened, piecesOf, subwordPieces } from "./pieces.js";

export const UNKNOWN = "<unk>";
export const END = "<eos>";

const MARKS = { line: "\n", paragraph: "\n\n" };

/** A text is refused. */
export class TextError extends Error {
  constructor(message) {
    super(message);
    this.name = "TextError";
  }
}

/** `pieces` is the vocabulary: the token of each id. */
export class Tokenizer {
  constructor({ kind, line_ends: lineEnds, vocabulary, word_characters: wordCharacters }) {
    this.kind = kind;
    this.lineEnds = lineEnds;
    this.pieces = vocabulary;
    this.ids = new Map(vocabulary.map((token, id) => [token, id]));
    this.unknownId = this.ids.get(UNKNOWN);
    this.endId = this.ids.get(END);
    this.isWordCharacter = wordCharacterTest(wordCharacters);
    this.alphabet = new Set([" ", ...vocabulary.filter((token) => Array.from(token).length === 1)]);
    this.longest = vocabulary.reduce((most, token) => Math.max(most, Array.from(token).length), 1);
  }

  has(token) {
    return this.ids.has(token);
  }

  idOf(token) {
    return this.ids.get(token) ?? this.unknownId;
  }

  /** Returns the ids of a text, with `<eos>` for each line or paragraph end but none after the last line. */
  encode(text) {
    return this.tokens(text).map((token) => token.id);
  }

  /** Returns the ids of a text to be continued: a last mark takes the space that would follow it. */
  encodePrompt(text) {
    return this.continued(text, this.tokens(text)).map(({ id }) => id);
  }

  /** Returns the tokens of a text to be continued: the last mark with its space, if one follows. */
  continued(text, tokens) {
    const last = tokens.at(-1);
    if (this.kind !== "word" || !last || last.id === this.endId || this.isWordCharacter(last.text)) {
      return tokens;
    }
    const spaced = { ...last, text: `${last.text} `, id: this.idOf(`${last.text} `) };
    const isUsual = spaced.id < last.id || last.id === this.unknownId;
    const isSpaced = isSpace(text.at(-1)) || (isUsual && !isOpened(text));
    return isSpaced && spaced.id !== this.unknownId ? [...tokens.slice(0, -1), spaced] : tokens;
  }

  /** Returns the tokens of `encode`: `{text, id, start, end}`, with places in UTF-16 units of the text.
   *
   * @param isWhole whether `<eos>` ends the last line or paragraph too
   */
  tokens(text, { isWhole = false } = {}) {
    if (!isWellFormed(text)) {
      throw new TextError("The text must be valid Unicode, but holds half of a surrogate pair.");
    }
    const found = [];
    for (const segment of this.segments(text)) {
      found.push(...this.cut(segment.characters));
      if (segment.isEnded || (isWhole && segment.isBegun)) {
        found.push({ text: END, id: this.endId, start: segment.end, end: segment.end });
      }
    }
    return found;
  }

  /** Returns the lines or paragraphs of a text, tidy: `{characters, end, isEnded, isBegun}`.
   *
   * What follows the last line end is a line that may not have begun.
   */
  segments(text) {
    const lines = linesOf(text);
    const of = ({ start, end }) => ({ characters: charactersOf(text.slice(start, end), start), end });
    const segments = this.lineEnds === "line" ? lines.map(of) : paragraphsOf(text, lines, of);
    const isOpen = endsOpen(text, lines, this.lineEnds);
    return segments.map(({ characters, end }, place) => {
      const isEnded = !isOpen || place < segments.length - 1;
      const isBegun = isEnded || lines.at(-1).end > lines.at(-1).start || this.lineEnds === "paragraph";
      return { characters: tidied(characters, this.kind), end, isEnded, isBegun };
    });
  }

  /** Returns the tokens of tidy characters. */
  cut(characters) {
    const pieces = piecesOf(characters, this.kind, this.isWordCharacter, this.alphabet);
    const parts = this.kind === "subword" ? pieces.flatMap((piece) => subwordPieces(piece, this)) : pieces;
    return parts.map((piece) => this.#token(piece));
  }

  /** Returns the text of ids; white space between two tokens belongs to the second one. */
  decode(ids) {
    const written = (id) => (["word", "subword"].includes(this.kind) ? stripped(this.pieces[id]) : this.pieces[id]);
    let previous = this.endId;
    let text = "";
    for (const id of ids) {
      text += id === this.endId ? MARKS[this.lineEnds] : (this.#hasSpaceBetween(previous, id) ? " " : "") + written(id);
      previous = id;
    }
    return text;
  }

  /** Returns the text that a token adds after the token `before`; null at the beginning. */
  added(before, id) {
    return before === null ? this.decode([id]) : this.decode([before, id]).slice(this.decode([before]).length);
  }

  /** Returns a token for display, without the spaces around it. */
  display(id) {
    return printable(stripped(this.pieces[id]) || "\u2423");
  }

  #hasSpaceBetween(before, after) {
    if (this.kind === "character" || before === this.endId) {
      return false;
    }
    const [first, second] = [this.pieces[before], this.pieces[after]];
    if (first.endsWith(" ") || second.startsWith(" ")) {
      return second !== " "; // a space alone is written with the token after it
    }
    const isWord = (id, character) => id === this.unknownId || this.isWordCharacter(character);
    const areWords = isWord(before, Array.from(first).at(-1)) && isWord(after, second);
    return this.kind === "pretokenized" || (this.kind === "word" && areWords);
  }

  #token(piece) {
    const text = joined(piece);
    if (this.kind === "pretokenized" && text === END) {
      throw new TextError("`<eos>` is reserved for line ends, but is in the text; write a line end instead.");
    }
    const shown = piece.filter(({ character }) => character !== " ");
    const [first, last] = shown.length ? [shown[0], shown.at(-1)] : [piece[0], piece.at(-1)];
    const id = piece.isUnknown ? this.unknownId : this.idOf(text);
    return { text, id, start: first.start, end: last.end };
  }
}

/** Returns the characters of a text with their places: `{character, start, end}`. */
export function charactersOf(text, offset = 0) {
  const found = [];
  let start = offset;
  for (const character of text) {
    found.push({ character, start, end: start + character.length });
    start += character.length;
  }
  return found;
}

export function joined(characters) {
  return characters.map(({ character }) => character).join("");
}

/** Returns the lines of a text without their ends: `{start, end}`. Only `\n`, `\r\n` and `\r` end a line. */
function linesOf(text) {
  const lines = [];
  let start = 0;
  for (const end of text.matchAll(/\r\n|\r|\n/g)) {
    lines.push({ start, end: end.index });
    start = end.index + end[0].length;
  }
  return [...lines, { start, end: text.length }];
}

/** Returns whether the last line or paragraph has not ended yet. */
function endsOpen(text, lines, lineEnds) {
  return lineEnds === "line" || lines.slice(-2).some(({ start, end }) => !isBlank(text.slice(start, end)));
}

/** Returns characters without the white space that the tokenizer drops. */
function tidied(characters, kind) {
  if (kind === "character") {
    return characters;
  }
  const isDropped = kind === "pretokenized" ? (each) => "\t\v\f ".includes(each) : isSpace;
  const found = [];
  let space = null;
  for (const each of characters) {
    if (isDropped(each.character)) {
      space ??= { ...each, character: " " };
      continue;
    }
    if (space && found.length) {
      found.push(space);
    }
    space = null;
    found.push(each);
  }
  return found;
}

/** Returns a text without the spaces U+0020 around it. */
export function stripped(text) {
  return text.replace(/^ +| +$/g, "");
}

function paragraphsOf(text, lines, of) {
  const found = [];
  let open = null;
  for (const line of lines) {
    if (isBlank(text.slice(line.start, line.end))) {
      open = null;
      continue;
    }
    const { characters, end } = of(line);
    if (open) {
      const space = { character: " ", start: open.end, end: open.end + 1 };
      open.characters.push(space, ...characters);
      open.end = end;
    } else {
      open = { characters, end };
      found.push(open);
    }
  }
  return found;
}

function isWellFormed(text) {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}
