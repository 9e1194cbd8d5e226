// An example for a first visit.

import { button } from "./dom.js";

/** Return a button that gets an example: the held-out passage of the page, or else a text that the model writes.
 *
 * @param onText function of the example
 */
export function exampleButton(model, { passage, unit }, problems, onText) {
  const written = { maxTokens: unit === "character" ? 400 : 80, temperature: 0.8, topP: 0.95, seed: 1 };
  const tried = button("Try an example", async () => {
    tried.disabled = true;
    try {
      const text = passage ?? (await model.generate({ ...written, prompt: "", onText: () => {} })).text;
      onText(text.trim());
    } catch (error) {
      problems.show(error);
    } finally {
      tried.disabled = false;
    }
  });
  return tried;
}

/** Return the beginning of a text: whole sentences if they fit. */
export function beginningOf(text, most) {
  if (text.length <= most) return text;
  const start = text.slice(0, most);
  return /^[^]*[.!?]["\u201d]?(?=\s)/u.exec(start)?.[0] ?? start.replace(/\s\S*$/, "");
}
