// How a suggestion enters the text.

const CLOSING = /^[,.;:!?)\]}\u00bb\u2019\u201d\u2026%]+$/;
const OPENING = /^[([{\u00ab\u2018\u201c]+$/;
const STRAIGHT_QUOTE = /^["']$/;
const DASH = /^[-\u2013\u2014]+$/;

/** Return whether a typed character stands without a space after a word. */
export function isAttached(typed) {
  return typed === "\n" || (typeof typed === "string" && CLOSING.test(typed));
}

/** Return how many characters before the caret a suggestion replaces: the typed part of its word. */
export function typedPart(before, word) {
  const whole = word.toLowerCase();
  for (let start = Math.max(0, before.length - whole.length); start < before.length; start += 1) {
    const part = before.slice(start);
    if (whole.startsWith(part.toLowerCase()) && isWordStart(before, start)) return part.length;
  }
  return 0;
}

function isWordStart(text, start) {
  return start === 0 || !/[\p{L}\p{M}\p{N}_]/u.test(text[start - 1]);
}

/** Return the text before the caret after a suggestion was taken, its space included. */
export function withWord(before, word) {
  const part = typedPart(before, word);
  const kept = before.slice(0, before.length - part);
  if (part) return `${kept}${caseLike(before.slice(before.length - part), word)} `;
  if (CLOSING.test(word)) return `${kept.trimEnd()}${word} `;
  if (OPENING.test(word)) return `${kept}${word}`;
  if (DASH.test(word)) return `${kept.trimEnd()}${word}`;
  if (STRAIGHT_QUOTE.test(word)) return withQuote(kept, word);
  return `${kept}${wantsSpaceAfter(kept) ? " " : ""}${word} `;
}

/** Return the word as the text would show it after what is there: for the pale text behind the caret. */
export function remainderOf(before, word) {
  const part = typedPart(before, word);
  if (part) return word.slice(part);
  return `${wantsSpaceAfter(before) ? " " : ""}${word}`;
}

function withQuote(kept, quote) {
  const line = kept.slice(kept.lastIndexOf("\n") + 1);
  const isOpen = (line.split(quote).length - 1) % 2 === 1;
  return isOpen ? `${kept.trimEnd()}${quote} ` : `${kept}${wantsSpaceAfter(kept) ? " " : ""}${quote}`;
}

function wantsSpaceAfter(kept) {
  return !/(?:^|[\s([{\u00ab\u2018\u201c\u2013\u2014-])["']*$/.test(kept); // a straight quote after a word closes
}

function caseLike(typed, word) {
  // The service copies typed capitals; a model that does not must not take them away.
  return typed[0] !== word[0] && typed[0].toLowerCase() === word[0].toLowerCase() && typed[0] !== typed[0].toLowerCase()
    ? typed[0] + word.slice(1)
    : word;
}
