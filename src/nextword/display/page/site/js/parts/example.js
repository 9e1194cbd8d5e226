// The button that fills a field with an example.

import { exampleText } from "../model/example.js";
import { button } from "./dom.js";

/** @param {Model} model @param {Description} description @param {(text: string) => void} onText gets the example */
export function exampleButton(model, description, problems, onText) {
  const fetchExample = async () => {
    tried.disabled = true;
    try {
      onText(await exampleText(model, description));
    } catch (error) {
      problems.show(error);
    } finally {
      tried.disabled = false;
    }
  };
  const tried = button("Try an example", fetchExample, { class: "more" });
  return tried;
}
