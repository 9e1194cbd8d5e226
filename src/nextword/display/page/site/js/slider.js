// A slider with its value beside its label.

import { element, freshId } from "./dom.js";
import { fixed } from "./numbers.js";

/** Return a labelled slider: { node, input, value() }. */
export function slider({ label, min, max, step, value, digits, hint = null, format = (number) => fixed(number, digits) }) {
  const id = freshId("slider");
  const input = element("input", { type: "range", id, min, max, step, value, "aria-describedby": hint ? `${id}-hint` : null });
  const output = element("output", { for: id });
  const show = () => {
    output.textContent = format(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", show);
  show();
  const note = hint ? element("p", { class: "hint", id: `${id}-hint` }, hint) : null;
  const node = element("div", { class: "slider" }, element("label", { for: id }, label), output, input, note);
  return { node, input, show, value: () => Number(input.value) };
}
