// Light, dark, or as the system has it.

import { remember, remembered } from "../model/memory.js";
import { element } from "./dom.js";

const THEMES = { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" };

/** Return the control of the theme, and apply the remembered one. */
export function themeControl() {
  const options = Object.entries(THEMES).map(([theme, label]) => element("option", { value: theme }, label));
  const select = element("select.theme", { "aria-label": "Colors" }, options);
  const kept = remembered("theme") ?? "auto";
  const apply = () => {
    document.documentElement.dataset.theme = select.value;
    remember("theme", select.value === "auto" ? null : select.value);
  };
  select.value = kept in THEMES ? kept : "auto";
  apply();
  select.addEventListener("change", apply);
  return select;
}
