// Light, dark, or as the system has it.

import { remember, remembered } from "../model/memory.js";
import { element } from "./dom.js";

const THEMES = { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" };

/** Return the control of the theme, and apply `asked`, or else the remembered one.
 *
 * @param {string | null} asked
 */
export function themeControl(asked = null) {
  const options = Object.entries(THEMES).map(([theme, label]) => element("option", { value: theme }, label));
  const select = element("select.theme", { "aria-label": "Colors" }, options);
  const kept = asked ?? remembered("theme") ?? "auto";
  const apply = () => {
    document.documentElement.dataset.theme = select.value;
  };
  select.value = kept in THEMES ? kept : "auto";
  apply();
  select.addEventListener("change", () => {
    apply();
    remember("theme", select.value);
  });
  return select;
}
