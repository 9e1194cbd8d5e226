// A slider with its value beside its label.

import { fixed } from "../model/numbers.js";
import { element, freshId } from "./dom.js";

/** Return a labelled slider: `node`, `input`, `value()`, and `show()` to draw its value again. */
export function slider({ label, note = "", digits = 0, format = (value) => fixed(value, digits), ...range }) {
  const id = freshId("slider");
  const input = element("input", { type: "range", id, ...range, "aria-describedby": note ? `${id}-hint` : null });
  const output = element("output", { for: id });
  const show = () => {
    output.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", show);
  show();
  const below = note && element("p.hint", { id: `${id}-hint` }, note);
  const node = element("div.slider", element("label", { for: id }, label), output, input, below);
  return { node, input, show, value: () => Number(input.value) };
}
