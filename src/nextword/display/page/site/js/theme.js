// Light, dark, or as the system has it.

import { element } from "./dom.js";
import { remember, remembered } from "./memory.js";

const THEMES = { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" };

/** Return the control of the theme, and apply the remembered one. */
export function themeControl() {
  const select = element("select", { class: "theme", "aria-label": "Colors" }, Object.entries(THEMES).map(([theme, label]) => element("option", { value: theme }, label)));
  const apply = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  const kept = remembered("theme");
  select.value = kept in THEMES ? kept : "auto";
  apply(select.value);
  select.addEventListener("change", () => {
    apply(select.value);
    remember("theme", select.value === "auto" ? null : select.value);
  });
  return select;
}
