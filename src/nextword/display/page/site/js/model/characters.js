// Rules for characters that must be those of Python, whatever tables the browser has.

/** White space as Python's `str.isspace` has it. */
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
export const SPACES = new RegExp(`[${SPACE}]+`, "g");
const IS_SPACE = new RegExp(`^[${SPACE}]`);
const IS_BLANK = new RegExp(`^[${SPACE}]*$`);
const UNPRINTABLE = /[\p{C}\p{Z}]/u;
const FOLDS = { "\u2019": "'", "\u0131": "\u0131", "\u0130": "i\u0307", "\u1e9e": "ss" };

export function isSpace(character) {
  return IS_SPACE.test(character);
}

export function isBlank(text) {
  return IS_BLANK.test(text);
}

/** Returns whether a text has no control characters and no spaces but U+0020. */
export function isPrintable(text) {
  return !UNPRINTABLE.test(text.replaceAll(" ", ""));
}

/** Returns a text for comparisons that ignore case and the form of apostrophes: "Stra\u00dfe" is "STRASSE". */
export function caseFolded(text) {
  if (/^\p{ASCII}*$/u.test(text)) return text.toLowerCase();
  const lowered = (letter) => Array.from(letter.toUpperCase(), (part) => part.toLowerCase()).join("");
  return Array.from(text, (letter) => FOLDS[letter] ?? lowered(letter.toLowerCase())).join("");
}

/** Returns a text with each unprintable character escaped as in Python. */
export function printable(text) {
  return isPrintable(text) ? text : Array.from(text, (each) => (isPrintable(each) ? each : escaped(each))).join("");
}

function escaped(character) {
  const named = { "\t": "\\t", "\n": "\\n", "\r": "\\r" }[character];
  const point = character.codePointAt(0);
  const [letter, digits] = point < 0x100 ? ["x", 2] : point < 0x10000 ? ["u", 4] : ["U", 8];
  return named ?? `\\${letter}${point.toString(16).padStart(digits, "0")}`;
}
