// What the address of the page asks for: `?text=...&unit=57&show=unit&scheme=dark&bare`. Nothing in it is trusted.

const VIEWS = ["words", "unit", "game"];
const SCHEMES = ["light", "dark"];

/** Return what an address asks for; null for what it leaves out or says wrongly.
 *
 * @param {string} search the part of the address from `?` on
 */
export function parametersOf(search) {
  const values = new URLSearchParams(search);
  const chosen = (name, options) => options.find((option) => option === values.get(name)) ?? null;
  const unit = values.get("unit") ?? "";
  return {
    text: values.get("text"),
    unit: /^\d{1,6}$/.test(unit) ? Number(unit) : null,
    view: chosen("show", VIEWS),
    scheme: chosen("scheme", SCHEMES),
    isBare: values.has("bare"),
  };
}

/** Return the beginning of a text that fits into a field, without half a character at its end. */
export function fitting(text, maxLength) {
  return text.slice(0, maxLength).replace(/[\uD800-\uDBFF]$/, "");
}
