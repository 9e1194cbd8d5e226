// An example for a first visit.

/** Return the held-out passage of the page, or else a text that the model writes.
 *
 * @param {Model} model @param {Description} description
 */
export async function exampleText(model, { passage, unit }) {
  if (passage !== null) return passage.trim();
  const maxTokens = unit === "character" ? 400 : 80;
  const written = await model.generate({ prompt: "", maxTokens, temperature: 0.8, topP: 0.95, seed: 1, onText() {} });
  return written.text.trim();
}

/** Return the beginning of a text: whole sentences if they fit. */
export function beginningOf(text, maxCharacters) {
  if (text.length <= maxCharacters) return text;
  const start = text.slice(0, maxCharacters);
  return /^.*[.!?]["\u201d]?(?=\s)/su.exec(start)?.[0] ?? start.replace(/\s\S*$/, "");
}
