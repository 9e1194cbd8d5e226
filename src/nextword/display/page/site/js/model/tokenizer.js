// Text to token ids and back, exactly as `nextword.text.tokens.tokenizer` does it.

import { isBlank, isSpace, printable, SPACES } from "./characters.js";
import { isOpened, Pieces } from "./pieces.js";

export const UNKNOWN = "<unk>";
export const END = "<eos>";

const MARKS = { line: "\n", paragraph: "\n\n" };

/** The white space of a segment that becomes one space, or nothing at its ends. */
const DROPPED = { pretokenized: /[\t-\r ]+/g, word: SPACES, subword: SPACES, character: /\r\n|\r|\n/g };

/** `pieces` is the vocabulary: the token of each id. */
export class Tokenizer {
  /** @param {PackedTokenizer} tokenizer */
  constructor({ kind, line_ends: lineEnds, vocabulary, word_characters: wordCharacters }) {
    this.kind = kind;
    this.lineEnds = lineEnds;
    this.pieces = vocabulary;
    this.ids = new Map(vocabulary.map((token, id) => [token, id]));
    this.unknownId = this.ids.get(UNKNOWN) ?? 0;
    this.endId = this.ids.get(END) ?? 0;
    this.cuts = new Pieces(kind, wordCharacters, vocabulary);
    this.longest = vocabulary.reduce((longest, token) => Math.max(longest, token.length), 1);
  }

  has(token) {
    return this.ids.has(token);
  }

  idOf(token) {
    return this.ids.get(token) ?? this.unknownId;
  }

  /** Returns the ids of a text to be continued: a last mark takes the space that would follow it. */
  encodePrompt(text) {
    return this.continued(text, this.tokens(text)).map(({ id }) => id);
  }

  /** Returns the tokens of a text to be continued: the last mark with its space, if one follows. */
  continued(text, tokens) {
    const last = tokens.at(-1);
    if (this.kind !== "word" || !last || last.id === this.endId || this.cuts.isWord(last.text)) return tokens;
    const spaced = { ...last, text: `${last.text} `, id: this.idOf(`${last.text} `) };
    const isUsual = spaced.id < last.id || last.id === this.unknownId;
    const isSpaced = isSpace(text.at(-1)) || (isUsual && !isOpened(text));
    return isSpaced && spaced.id !== this.unknownId ? [...tokens.slice(0, -1), spaced] : tokens;
  }

  /** Returns the tokens of a text, with `<eos>` for each line or paragraph end but none after the last line.
   *
   * Tokens are `{text, id, start, end}`, with offsets in UTF-16 units of the text.
   * @param isWhole whether `<eos>` ends the last line or paragraph too
   */
  tokens(text, { isWhole = false } = {}) {
    if (!text.isWellFormed()) throw new Error("The text must be valid Unicode, but holds half of a surrogate pair.");
    const found = [];
    for (const { tidy, offsets, end, isEnded, isBegun } of this.segments(text)) {
      const placed = (token) => ({ ...token, start: offsets[token.start], end: offsets[token.end - 1] + 1 });
      found.push(...this.cut(tidy).map(placed));
      if (isEnded || (isWhole && isBegun)) found.push({ text: END, id: this.endId, start: end, end });
    }
    return found;
  }

  /** Returns the lines or paragraphs of a text: `{tidy, offsets, end, isEnded, isBegun}`.
   *
   * `tidy` is without the white space that is dropped, `offsets` are those of its units in the text. What follows the
   * last line end is a line that may not have begun.
   */
  segments(text) {
    const lines = linesOf(text);
    const segments = this.lineEnds === "line" ? lines : paragraphsOf(text, lines);
    const isOpen = endsOpen(text, lines, this.lineEnds);
    return segments.map(({ start, end }, index) => {
      const isEnded = !isOpen || index < segments.length - 1;
      const isBegun = isEnded || lines.at(-1).end > lines.at(-1).start || this.lineEnds === "paragraph";
      return { ...tidied(text, start, end, this.kind), end, isEnded, isBegun };
    });
  }

  /** Returns the tokens of a tidy text. */
  cut(text) {
    const pieces = this.cuts.of(text);
    const parts = this.kind === "subword" ? pieces.flatMap((piece) => this.#subwords(piece)) : pieces;
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
    if (this.kind === "character" || before === this.endId) return false;
    const [first, second] = [this.pieces[before], this.pieces[after]];
    // A space alone is written with the token after it.
    if (first.endsWith(" ") || second.startsWith(" ")) return second !== " ";
    const isWord = (id, character) => id === this.unknownId || this.cuts.isWord(character);
    const areWords = isWord(before, Array.from(first).at(-1)) && isWord(after, second);
    return this.kind === "pretokenized" || (this.kind === "word" && areWords);
  }

  /** Cuts a piece into the longest tokens from the left; if that fails somewhere, the whole piece is unknown. */
  #subwords(piece) {
    const { text, start } = piece;
    const found = [];
    for (let first = 0, end = 0; first < text.length; first = end) {
      end = Math.min(text.length, first + this.longest);
      while (end > first && !this.has(text.slice(first, end))) end -= 1;
      if (end === first) return [{ ...piece, isUnknown: true }];
      found.push({ text: text.slice(first, end), start: start + first });
    }
    return found;
  }

  #token({ text, start, isUnknown = false }) {
    if (this.kind === "pretokenized" && text === END) {
      throw new Error("`<eos>` is reserved for line ends, but is in the text; write a line end instead.");
    }
    const first = start + Math.max(0, text.search(/[^ ]/));
    const end = first + (stripped(text) || text).length;
    return { text, id: isUnknown ? this.unknownId : this.idOf(text), start: first, end };
  }
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

/** Returns runs of lines that are not blank. */
function paragraphsOf(text, lines) {
  const found = [];
  let isOpen = false;
  for (const { start, end } of lines) {
    const hasText = !isBlank(text.slice(start, end));
    if (hasText && isOpen) found.at(-1).end = end;
    else if (hasText) found.push({ start, end });
    isOpen = hasText;
  }
  return found;
}

function tidied(text, start, end, kind) {
  let tidy = "";
  const offsets = [];
  const add = (part, offset) => {
    tidy += part;
    for (let unit = 0; unit < part.length; unit += 1) offsets.push(offset + unit);
  };
  let last = start;
  for (const { 0: run, index } of text.slice(start, end).matchAll(DROPPED[kind])) {
    const first = start + index;
    add(text.slice(last, first), last);
    last = first + run.length;
    if (kind === "character" || (first > start && last < end)) add(" ", first);
  }
  add(text.slice(last, end), last);
  return { tidy, offsets };
}

/** Returns a text without the spaces U+0020 around it. */
export function stripped(text) {
  return text.replace(/^ +| +$/g, "");
}
